-- Leases up to N waiting items of a cancelled batch to the sweeper, who gives them their verdicts with finish.lua.
-- ARGV: batch, lease, lease_ms, N. Returns {index, payload, ...}.
local batch, id, b = ARGV[1], ARGV[2], 'farm:batch:' .. ARGV[1]
local now, out, left = now_ms(), {}, tonumber(ARGV[4])
local v = redis.call('HMGET', b, 'environment', 'class')
if not v[1] then redis.call('SREM', 'farm:cancelling', batch) return out end
for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do
  local list = 'farm:pending:' .. lane .. ':' .. batch
  while left > 0 do
    local entry = redis.call('LPOP', list)
    if not entry then break end
    local index = string.gsub(entry, '!', '')
    redis.call('HINCRBY', 'farm:counts:' .. v[1], 'pending', -1)
    if redis.call('HEXISTS', b .. ':results', index) == 0 then
      if #out == 0 then
        redis.call('HSET', 'farm:lease:' .. id, 'environment', v[1], 'class', v[2], 'lane', lane, 'batch', batch,
          'running', '', 'worker', 'sweeper')
        redis.call('ZADD', 'farm:leases', now + ARGV[3], id)
      end
      redis.call('RPUSH', 'farm:lease:' .. id .. ':items', index)
      redis.call('HINCRBY', 'farm:counts:' .. v[1], 'leased', 1)
      out[#out + 1] = index
      out[#out + 1] = redis.call('HGET', b .. ':items', index)
      left = left - 1
    end
  end
  -- One lease speaks of one lane: what it gives back must find the way home.
  if #out > 0 then break end
end
return out
