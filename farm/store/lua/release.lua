-- Gives items of a lease back to their lane:
--   'free'   The items go to the head of the lane. No item is charged.
--   'death'  Each item is charged with a death, goes to the head of the lane, and runs alone next time. If an item has
--            reached the death bound, it is condemned: it stays in the lease, and the caller writes its verdict.
--   'slow'   The items have outlasted their time slice. They go to the end of the lane. No item is charged.
-- ARGV: lease, 'free' | 'death' | 'slow', death bound, seconds of work to charge, indices...
-- Returns {lease alive, tokens to publish, condemned index...}.
local lease = read_lease(ARGV[1])
if not lease then return {0, 0} end
local now, why = now_ms(), ARGV[2]
local ending = ({free = 'shared', death = 'apart', slow = 'slow'})[why]
local out = {1, 0}
for i = #ARGV, 5, -1 do  -- from the last, so that the head keeps the order
  local index = ARGV[i]
  if not redis.call('LPOS', 'farm:lease:' .. lease.id .. ':items', index) then
    -- The item is not in the lease: this call was sent before, and its reply got lost.
  elseif why == 'death' and charge_item(lease.batch, 'death', index) >= tonumber(ARGV[3]) then
    out[#out + 1] = index
  else
    drop_from_lease(lease, index, ending, now)
    put_back(lease, lease.lane, lease.batch, index, why == 'slow', now)
  end
end
if why == 'slow' then count('slices_expired', #ARGV - 4) end
charge(lease, lease.lane, lease.batch, ARGV[4])
if redis.call('EXISTS', 'farm:lease:' .. lease.id .. ':items') == 0 then end_lease(lease) end
out[2] = tokens_wanted(lease.environment, now)
return out
