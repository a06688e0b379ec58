-- Leases up to N waiting items of a cancelled batch to the reaper, which writes their verdicts with finish.lua.
-- ARGV: batch, lease, N. Returns {index, stored proof, ...}. If it is empty, nothing waits in the lanes that this call
-- has looked at. A call ends after about MOST_LANES lanes, or after the last lane. The next call goes on from there, or
-- begins again at the first lane.
local LANES_AT_ONCE, MOST_LANES = 1000, 10000  -- bounds how long one sweep may hold up the server
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

local function take_from(lane)
  while left > 0 do
    local index = redis.call('LPOP', 'farm:pending:' .. lane .. ':' .. batch)
    if not index then return end
    redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'pending', -1)
    lease_to_sweeper(lane, index)
  end
end

-- A batch may have a hundred thousand lanes, so each sweep goes on where the last one stopped. A lease names only one
-- lane, to which all its items are given back if it lapses. Some may come from other lanes, which does no harm: no item
-- of a cancelled batch runs.
local began, looked_at = redis.call('HGET', b, 'swept') or '0', 0
local cursor = began
repeat
  local found = redis.call('SSCAN', b .. ':lanes', cursor, 'COUNT', LANES_AT_ONCE)
  for _, lane in ipairs(found[2]) do take_from(lane) end
  looked_at = looked_at + #found[2]
  -- If items may be left in these lanes, the next sweep looks at the same lanes again.
  if left > 0 then cursor = found[1] end
until left == 0 or cursor == '0' or looked_at >= MOST_LANES
if cursor ~= began then redis.call('HSET', b, 'swept', cursor) end
return out
