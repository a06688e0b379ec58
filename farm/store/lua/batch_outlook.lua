-- Counts a run that has outlasted its time slice. Records that the run goes on; the record stands until the run's item
-- leaves the lease.
-- ARGV: lease, index, ms until the full time of the run is over
-- Returns {} if the lease or the item is gone, else {processes, fresh, deferred, outlasted, returned, timeouts,
--          decided, seconds of work, whether another batch is waiting, ms left of each other run that goes on...}
--          (see farm/store/batch_outlooks.py).
local MOST_LANES = 1000  -- bounds how long one call may hold up the server
local index, now = ARGV[2], now_ms()
local lease = read_live_lease(ARGV[1], now)
if not lease or redis.call('EXISTS', 'farm:batch:' .. lease.batch) == 0 then return {} end
if not redis.call('LPOS', 'farm:lease:' .. lease.id .. ':items', index) then return {} end
local b = 'farm:batch:' .. lease.batch
local beyond = b .. ':beyond'

-- If a run ended without drop_from_lease, its record is still there. It is removed when the full time of the run is
-- over.
redis.call('ZREMRANGEBYSCORE', beyond, '-inf', now)
local going_on = redis.call('ZRANGE', beyond, 0, -1, 'WITHSCORES')
redis.call('HSET', 'farm:lease:' .. lease.id, 'beyond', index)
redis.call('ZADD', beyond, now + ARGV[3], index)
-- A release that does not know this key may complete the batch. Then the key expires by itself.
redis.call('PEXPIRE', beyond, ARGV[3] + 3600000)

-- Returns how many items of a list wait for their first run. Deferred items that wait are at the end of the list.
local function count_fresh(list)
  local length = redis.call('LLEN', list)
  while length > 0 and redis.call('HEXISTS', b .. ':history', 'slow:' .. redis.call('LINDEX', list, length - 1)) == 1 do
    length = length - 1
  end
  return length
end

-- Returns how many items of the batch wait for their first run. Returns nil if anything from another batch waits for the
-- same processes: no run is deferred then, so the number does not matter. A batch may have a hundred thousand lanes. If
-- so, the lanes that were served last longest ago stand for all lanes in which work waits, and a batch that waits only in
-- another lane may be missed.
local function fresh_if_alone()
  if redis.call('ZCARD', owners_key(lease.environment, lease.class)) > 1 then return nil end
  local ready = redis.call('ZCARD', ready_key(lease))
  if ready > redis.call('SCARD', b .. ':lanes') then return nil end
  local lanes, found = redis.call('ZRANGE', ready_key(lease), 0, MOST_LANES - 1), 0
  for _, lane in ipairs(lanes) do
    local list = 'farm:pending:' .. lane .. ':' .. lease.batch
    if redis.call('ZCARD', queue_key(lease, lane)) > 1 or redis.call('EXISTS', list) == 0 then return nil end
    found = found + count_fresh(list)
  end
  return math.ceil(found * ready / math.max(1, #lanes))
end

local fresh = fresh_if_alone()
local outlasted = redis.call('HINCRBY', b, 'outlasted', 1)
local v = redis.call('HMGET', b, 'deferred', 'returned', 'timeouts', 'accepted', 'rejected', 'served', 'weight', 'done')
local deferred, done = tonumber(v[1] or 0), tonumber(v[8])
local worked_s = tonumber(v[6] or 0) * tonumber(v[7]) - done * CLAIM_S
local out = {useful_processes(lease.environment, now), fresh or 0, deferred, outlasted, tonumber(v[2] or 0),
  tonumber(v[3] or 0), v[4] + v[5], tostring(worked_s), fresh and 0 or 1}
for i = 2, #going_on, 2 do out[#out + 1] = math.max(0, math.floor(going_on[i] - now)) end
return out
