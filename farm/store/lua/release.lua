-- Gives items of a lease back to the head of their lane. With 'death' the item is charged and will run alone;
-- an item at its death bound stays in the lease for the caller to settle.
-- ARGV: lease, 'free' | 'death', death bound, indices...
-- Returns {lease alive, tokens to publish, condemned index...}.
local lease = read_lease(ARGV[1])
if not lease then return {0, 0} end
local now = now_ms()
local out = {1, 0}
for i = #ARGV, 4, -1 do  -- from the last, so that the head keeps the order
  local index = ARGV[i]
  local charged = ARGV[2] == 'death'
  if charged and redis.call('HINCRBY', 'farm:batch:' .. lease.batch .. ':deaths', index, 1) >= tonumber(ARGV[3]) then
    out[#out + 1] = index
  elseif redis.call('LREM', 'farm:lease:' .. lease.id .. ':items', 1, index) > 0 then
    redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'leased', -1)
    put_back(lease, lease.batch, index, charged, now)
  end
end
if redis.call('EXISTS', 'farm:lease:' .. lease.id .. ':items') == 0 then end_lease(lease) end
out[2] = tokens_wanted(lease.environment, now)
return out
