-- Leases up to N waiting items of a cancelled batch to the reaper, which writes their verdicts with finish.lua.
-- ARGV: batch, lease, N. Returns {index, stored proof, ...}.
local batch, id, b = ARGV[1], ARGV[2], 'farm:batch:' .. ARGV[1]
local now, out, left = now_ms(), {}, tonumber(ARGV[3])
local place = place_of(batch)
if not place then redis.call('SREM', 'farm:cancelling', batch) return out end

local function lease_to_sweeper(lane, index)
  if redis.call('HEXISTS', b .. ':results', index) == 1 then return end
  if #out == 0 then
    redis.call('HSET', 'farm:lease:' .. id, 'environment', place.environment, 'class', place.class, 'owner', place.owner,
      'lane', lane, 'batch', batch, 'running', '', 'worker', 'sweeper')
    redis.call('ZADD', 'farm:leases', now + LEASE_MS, id)
  end
  redis.call('RPUSH', 'farm:lease:' .. id .. ':items', index)
  redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'leased', 1)
  out[#out + 1] = index
  out[#out + 1] = redis.call('HGET', b .. ':items', index)
  left = left - 1
end

-- Items that were waiting for another item's run wait no longer. They go to the pending lists, so that they are leased
-- like the rest.
for _, index in ipairs(redis.call('HKEYS', b .. ':parked')) do
  local parked = 'farm:parked:' .. redis.call('HGET', b .. ':parked', index)
  local lane = redis.call('HGET', parked, batch .. ':' .. index)
  redis.call('HDEL', parked, batch .. ':' .. index)
  redis.call('RPUSH', 'farm:pending:' .. lane .. ':' .. batch, index)
  redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'pending', 1)
end
redis.call('DEL', b .. ':parked')

for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do
  while left > 0 do
    local index = redis.call('LPOP', 'farm:pending:' .. lane .. ':' .. batch)
    if not index then break end
    redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'pending', -1)
    lease_to_sweeper(lane, index)
  end
  -- A lease names only one lane, to which its items are given back if it lapses. So it holds items of one lane only.
  if #out > 0 then break end
end
return out
