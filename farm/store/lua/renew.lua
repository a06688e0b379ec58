-- A sign of life: keeps a process registered and its lease alive.
-- ARGV: worker, environment, lease or '', lease_ms, worker_ttl_ms, registered (1|0), then field, value...
-- Returns {lease alive, batch cancelled}.
local worker, env, now = ARGV[1], ARGV[2], now_ms()
local ttl = tonumber(ARGV[5])
redis.call('HSET', 'farm:worker:' .. worker, 'seen_ms', now, unpack(ARGV, 7))
redis.call('PEXPIRE', 'farm:worker:' .. worker, ttl)
redis.call('ZADD', 'farm:workers', now + ttl, worker)
if ARGV[6] == '1' then redis.call('ZADD', 'farm:workers:' .. env, now + ttl, worker) end
local lease = ARGV[3] ~= '' and read_lease(ARGV[3])
if not lease then return {0, 0} end
redis.call('ZADD', 'farm:leases', 'XX', now + ARGV[4], lease.id)
redis.call('ZADD', 'farm:leases:' .. lease.environment .. ':' .. lease.class, 'XX', now + ARGV[4], lease.id)
return {1, redis.call('HGET', 'farm:batch:' .. lease.batch, 'cancelled') == '1' and 1 or 0}
