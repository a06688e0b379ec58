-- Replaces tokens that got lost: work waits while processes idle, now and at the last look.
-- ARGV: environment, ms between looks. Returns how many tokens to publish.
local env, now = ARGV[1], now_ms()
local pending = tonumber(redis.call('HGET', 'farm:counts:' .. env, 'pending') or 0)
if pending <= 0 then return 0 end
local working = busy(env, 'interactive', now) + busy(env, 'batch', now)
local idle = useful_processes(env, now) - working
local before = tonumber(redis.call('GET', 'farm:idle:' .. env) or 0)
redis.call('SET', 'farm:idle:' .. env, math.max(0, idle), 'PX', 2 * ARGV[2])
local lost = math.min(idle, before, pending)
if lost <= 0 then return 0 end
redis.call('SET', 'farm:tokens:' .. env, working + lost)
return lost
