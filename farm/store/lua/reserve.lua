-- Reserves room for a slice of a staging, before any of the slice is stored.
-- ARGV: batch, owner, items, bytes, ttl_ms, then the limits: items of an owner, bytes of an owner, items, bytes
-- Returns '' or the name of the limit that has been reached.
local batch, owner, items, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted = {{'items:' .. owner, items}, {'bytes:' .. owner, bytes}, {'items', items}, {'bytes', bytes}}
for i, want in ipairs(wanted) do
  local used = tonumber(redis.call('HGET', 'farm:usage', want[1]) or 0)
  if used + want[2] > tonumber(ARGV[5 + i]) then return ({'owner_items', 'owner_bytes', 'items', 'bytes'})[i] end
end
redis.call('HSET', 'farm:holding:' .. batch, 'owner', owner)
hold(batch, owner, items, bytes)
redis.call('ZADD', 'farm:expiries', now_ms() + ARGV[5], batch)
return ''
