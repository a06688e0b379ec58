-- Stages some items of a batch before its commit, all or none: if a limit would be exceeded, none is staged.
-- ARGV: batch, owner, ttl_ms, then the limits: items of an owner, bytes of an owner, items, bytes, and then per item:
--       index, lane, stored proof
-- Returns '', or the name of the limit that would be exceeded.
local LONGEST_UPLOAD = 8  -- in units of ttl_ms: 1 GB at 64 kB/s (api/bodies.py) takes almost five hours
local batch, owner, ttl_ms, b = ARGV[1], ARGV[2], tonumber(ARGV[3]), 'farm:batch:' .. ARGV[1]
-- If the first item is there already, this call was sent before, and its reply got lost. Each item must wait, and
-- count, only once.
if redis.call('HEXISTS', b .. ':items', ARGV[8]) == 1 then return '' end

local items, bytes = 0, 0
for i = 8, #ARGV, 3 do items, bytes = items + 1, bytes + #ARGV[i + 2] end
local wanted = {{'items:' .. owner, items}, {'bytes:' .. owner, bytes}, {'items', items}, {'bytes', bytes}}
for i, want in ipairs(wanted) do
  local used = tonumber(redis.call('HGET', 'farm:usage', want[1]) or 0)
  if used + want[2] > tonumber(ARGV[3 + i]) then return ({'owner_items', 'owner_bytes', 'items', 'bytes'})[i] end
end

redis.call('HSET', 'farm:holding:' .. batch, 'owner', owner)
hold(batch, owner, items, bytes)
redis.call('ZADD', 'farm:expiries', now_ms() + ttl_ms, batch)
local lanes = {}
for i = 8, #ARGV, 3 do
  local index, lane, stored = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  lanes[lane] = 'farm:pending:' .. lane .. ':' .. batch
  redis.call('HSET', b .. ':items', index, stored)
  redis.call('RPUSH', lanes[lane], index)
end
-- If the staging is not committed, the reaper deletes it (expire.lua). If no reaper runs, the keys expire by themselves.
-- The last item of a lane may come at the beginning of an upload that takes hours. So the lists live longer.
for lane, list in pairs(lanes) do
  redis.call('SADD', b .. ':lanes', lane)
  redis.call('PEXPIRE', list, LONGEST_UPLOAD * ttl_ms)
end
redis.call('PEXPIRE', b .. ':items', 2 * ttl_ms)
redis.call('PEXPIRE', b .. ':lanes', 2 * ttl_ms)
return ''
