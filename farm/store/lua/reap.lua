-- Takes back the items that a lease still holds after it has lapsed or its process has died. An item is charged with a
-- death if the process is known to be dead, otherwise with a lapse:
--   If it is known which item was running, only this item is charged.
--   If one item was running, but it is not known which, no item is charged, and each runs alone next time.
--   If no item was running, a lapse is charged to every item, but a death is charged to none.
-- An item that has reached its bound of deaths or lapses is condemned: it stays in the lease, and the caller writes its
-- verdict.
-- ARGV: lease, 'lapse' | 'death', death bound
-- Returns {tokens to publish, environment, batch, 'crashed' | 'farm_error', condemned index...}, or {} if the lease is
-- alive or gone.

-- Makes an index run alone in its next lease. If the process then dies, it is known which item ran.
local function run_alone(batch, index)
  local b = 'farm:batch:' .. batch
  if redis.call('EXISTS', b) == 0 or redis.call('HEXISTS', b .. ':results', index) == 1 then return end
  redis.call('HSET', b .. ':history', 'alone:' .. index, 1)
end

local lease = read_lease(ARGV[1])
if not lease then redis.call('ZREM', 'farm:leases', ARGV[1]) return {} end
local now, dead = now_ms(), ARGV[2] == 'death'
if not dead and tonumber(redis.call('ZSCORE', 'farm:leases', lease.id) or 0) > now then return {} end
local out = {0, lease.environment, lease.batch, dead and 'crashed' or 'farm_error'}
local charge = dead and 'death' or 'lapse'
local bound = dead and tonumber(ARGV[3]) or LAPSE_BOUND
local held = redis.call('LRANGE', 'farm:lease:' .. lease.id .. ':items', 0, -1)
local none_ran = lease.running == ''
local running = lease.running == ONE_OF_THEM and #held == 1 and held[1] or lease.running
for i = #held, 1, -1 do
  local index, condemned, ran = held[i], false, held[i] == running
  if ran or (none_ran and not dead) then
    condemned = charge_item(lease.batch, charge, index) >= bound
  end
  if running == ONE_OF_THEM then run_alone(lease.batch, held[i]) end
  if condemned then
    out[#out + 1] = index
  else
    drop_from_lease(lease, index, ran and 'apart' or 'shared', now)
    put_back(lease, lease.lane, lease.batch, index, false, now)
  end
end
if #out == 4 then end_lease(lease) else redis.call('ZADD', 'farm:leases', now + LEASE_MS, lease.id) end
out[1] = tokens_wanted(lease.environment, now)
return out
