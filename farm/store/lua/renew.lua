-- A sign of life: keeps a process registered and its lease alive.
-- ARGV: worker, environment, lease or '', lease_ms, worker_ttl_ms, what a Lean process runs (JSON) or '' for other rooms,
--       then field, value...
-- Returns {lease alive, batch cancelled}.
local worker, env, now = ARGV[1], ARGV[2], now_ms()
local ttl = tonumber(ARGV[5])
redis.call('HSET', 'farm:worker:' .. worker, 'seen_ms', now, unpack(ARGV, 7))
redis.call('PEXPIRE', 'farm:worker:' .. worker, ttl)
redis.call('ZADD', 'farm:workers', now + ttl, worker)
if ARGV[6] ~= '' then
  redis.call('HSET', 'farm:worker:' .. worker, 'serves', ARGV[6])
  redis.call('ZADD', 'farm:workers:' .. env, now + ttl, worker)
  redis.call('ZADD', 'farm:environments', now, env)
  redis.call('HSET', 'farm:serves', env, ARGV[6])
end
local lease = ARGV[3] ~= '' and read_live_lease(ARGV[3], now)
if not lease then return {0, 0} end
redis.call('ZADD', 'farm:leases', 'XX', now + ARGV[4], lease.id)
redis.call('ZADD', 'farm:leases:' .. lease.environment .. ':' .. lease.class, 'XX', now + ARGV[4], lease.id)
return {1, redis.call('HGET', 'farm:batch:' .. lease.batch, 'cancelled') == '1' and 1 or 0}
