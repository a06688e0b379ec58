-- Forgets environments that have shown no sign of life for a long time and in which nothing waits or runs. The default
-- environment is never forgotten.
-- ARGV: ms without a sign of life. Returns the names of the environments that it has forgotten.
local now, forgotten = now_ms(), {}
for _, env in ipairs(redis.call('ZRANGEBYSCORE', 'farm:environments', 0, now - ARGV[1])) do
  local counts = redis.call('HMGET', 'farm:counts:' .. env, 'pending', 'leased')
  local is_empty = tonumber(counts[1] or 0) <= 0 and tonumber(counts[2] or 0) <= 0
  if env ~= DEFAULT_ENVIRONMENT and is_empty and live_processes(env, now) == 0 then
    redis.call('ZREM', 'farm:environments', env)
    redis.call('HDEL', 'farm:serves', env)
    for _, key in ipairs({'farm:counts:', 'farm:tokens:', 'farm:idle:', 'farm:looked:', 'farm:workers:', 'farm:granted:',
      'farm:lingering:'}) do
      redis.call('DEL', key .. env)
    end
    for _, class in ipairs(CLASSES) do redis.call('DEL', 'farm:served:' .. env .. ':' .. class) end
    forgotten[#forgotten + 1] = env
  end
end
return forgotten
