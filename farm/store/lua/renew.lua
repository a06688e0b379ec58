-- Records a sign of life: keeps a process registered and its lease alive.
-- ARGV: worker, environment, lease or '', what a Lean process runs (JSON) or '' for other rooms, then field, value...
-- Returns {lease alive, batch cancelled}.
local worker, env, now = ARGV[1], ARGV[2], now_ms()
redis.call('HSET', 'farm:worker:' .. worker, 'seen_ms', now, unpack(ARGV, 5))
redis.call('PEXPIRE', 'farm:worker:' .. worker, WORKER_TTL_MS)
redis.call('ZADD', 'farm:workers', now + WORKER_TTL_MS, worker)
if ARGV[4] ~= '' then
  redis.call('HSET', 'farm:worker:' .. worker, 'serves', ARGV[4])
  redis.call('ZADD', 'farm:workers:' .. env, now + WORKER_TTL_MS, worker)
  redis.call('ZADD', 'farm:environments', now, env)
  redis.call('HSET', 'farm:serves', env, ARGV[4])
end
local lease = ARGV[3] ~= '' and read_live_lease(ARGV[3], now)
if not lease then return {0, 0} end
redis.call('ZADD', 'farm:leases', 'XX', now + LEASE_MS, lease.id)
redis.call('ZADD', 'farm:leases:' .. lease.environment .. ':' .. lease.class, 'XX', now + LEASE_MS, lease.id)
return {1, redis.call('HGET', 'farm:batch:' .. lease.batch, 'cancelled') == '1' and 1 or 0}
