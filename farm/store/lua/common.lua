-- This file stands before every script, after the constants that Python shares (constants.py). For the keys see
-- ../keys.md.

-- Two releases work on the same state while a farm is upgraded. A field or key that the older release does not need may
-- be added at any time. Any other change takes two releases, each of which adds one to SCHEMA (CONTRIBUTING.md).
local SCHEMA = 1

-- Numbers that may be 0 are negated as `0 - n`: Lua would send -0 as '-0', which Redis 7.0 does not take as an integer.

local RESERVE_FROM_PROCESSES = 4  -- if there are this many processes or more, one takes only interactive work
local HEAD_START_S = 0.001        -- a newcomer is placed this far before the owner that has been served least
-- The length of a batch's turn, at weight 1. If all batches of a lane ran side by side, all small batches would end
-- late. Clients that send their next batch only when one has ended would then leave processes idle.
local TURN_S = 0.5
local CLAIM_S = TURN_S / 16       -- charged for each proof when it is claimed; its real seconds are charged later
local NEXT_S = 0.000001           -- batches that arrive during one turn are placed this far apart, in order of arrival
local CLOCK_KEPT_S = 3600         -- an older release removes a queue but not its clock, so the clock has to expire
local MOST_PARKED = 1000          -- at most this many items with the same question wait for one run
local LOOK_KEPT_MS = 60000        -- how long nudge.lua relies on what it saw at its last call
local REPLY_BYTES = 8192          -- a verdict that takes more does not travel in the reply to the client that waits for it
local ENTRY_BYTES = 250           -- what a kept verdict takes in Redis besides its value; its name is stored twice

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function count(name, by)
  return redis.call('HINCRBY', 'farm:counters', name, by or 1)
end

-- Returns the environments in which work can wait.
local function environments()
  local names = redis.call('ZRANGE', 'farm:environments', 0, -1)
  if not redis.call('ZSCORE', 'farm:environments', DEFAULT_ENVIRONMENT) then names[#names + 1] = DEFAULT_ENVIRONMENT end
  return names
end

local function live_processes(env, now)
  return redis.call('ZCOUNT', 'farm:workers:' .. env, now, '+inf')
end

-- Returns where a batch queues: its environment, class and owner. Returns nil if the batch is gone.
local function place_of(batch)
  local v = redis.call('HMGET', 'farm:batch:' .. batch, 'environment', 'class', 'owner')
  return v[1] and {environment = v[1], class = v[2], owner = v[3]} or nil
end

local function owners_key(env, class) return 'farm:owners:' .. env .. ':' .. class end
local function served_key(env, class) return 'farm:served:' .. env .. ':' .. class end
local function ready_key(place) return 'farm:ready:' .. place.environment .. ':' .. place.class .. ':' .. place.owner end
local function queue_key(place, lane) return 'farm:queue:' .. lane .. ':' .. place.class .. ':' .. place.owner end
local function clock_key(place, lane) return 'farm:clock:' .. lane .. ':' .. place.class .. ':' .. place.owner end

local function has_ready(env, class)
  return redis.call('EXISTS', owners_key(env, class)) == 1
end

-- Whether an owner has waited so long that a process may change to this owner and back. For the change and the
-- return, the process loads two headers, which takes `lead_s` seconds. The owner must have waited three times as long,
-- divided by the number of processes. So all processes together spend at most a third of their time on such changes.
local function is_neglected(env, owner, lead_s, now)
  local granted = tonumber(redis.call('HGET', 'farm:granted:' .. env, owner) or 0)
  return now - granted > 3000 * lead_s / math.max(1, live_processes(env, now))
end

local function busy(env, class, now)
  return redis.call('ZCOUNT', 'farm:leases:' .. env .. ':' .. class, now, '+inf')
end

-- Returns how many processes may be at work now. If no interactive work waits, batches leave one process free
-- (claim.lua), and a token for this process would be wasted.
local function useful_processes(env, now)
  local processes = live_processes(env, now)
  if processes < RESERVE_FROM_PROCESSES or has_ready(env, 'interactive') then return processes end
  return math.min(processes, processes - 1 + busy(env, 'interactive', now))
end

local function number_at(key)
  return tonumber(redis.call('GET', key) or 0) or 0
end

-- Records how many tokens are believed to be on the broker or with a working process.
local function believe(env, tokens)
  redis.call('SET', 'farm:tokens:' .. env, tokens)
end

-- Rings for up to `tokens` of the processes that linger (lingering.py); each ring stands for a token. Returns how many
-- tokens remain to be published.
local function ring(env, tokens, now)
  local lingering = 'farm:lingering:' .. env
  while tokens > 0 do
    local freshest = redis.call('ZPOPMAX', lingering)
    if not freshest[1] or tonumber(freshest[2]) < now then break end
    redis.call('RPUSH', 'farm:ring:' .. freshest[1], 1)
    redis.call('PEXPIRE', 'farm:ring:' .. freshest[1], RING_TTL_MS)
    tokens = tokens - 1
  end
  return tokens
end

-- Records the tokens that are wanted now. Rings for some of them, and returns how many the caller has to publish.
local function tokens_wanted(env, now)
  local pending = tonumber(redis.call('HGET', 'farm:counts:' .. env, 'pending') or 0)
  local out = math.max(0, number_at('farm:tokens:' .. env))
  local want = math.min(math.max(1, useful_processes(env, now)) - out, pending)
  if want <= 0 then return 0 end
  believe(env, out + want)
  return ring(env, want, now)
end

local function token_spent(env)
  believe(env, math.max(0, number_at('farm:tokens:' .. env) - 1))
end

-- Returns the most seconds that any owner has been served. An owner that joins when nobody waits starts there.
-- If it started lower, an owner that had worked while nobody else did would get nothing until the others had caught up.
local function most_served(env, class)
  local most = 0
  for _, served in ipairs(redis.call('HVALS', served_key(env, class))) do most = math.max(most, tonumber(served)) end
  return most
end

-- Adds an owner to those with pending work, if it is not there yet. It comes just before the owner that has been served
-- least, but its seconds are never fewer than it has been served already. A paused owner is not added.
local function join(env, class, owner)
  local owners = owners_key(env, class)
  if redis.call('HEXISTS', 'farm:paused', owner) == 1 or redis.call('ZSCORE', owners, owner) then return end
  local owed = tonumber(redis.call('HGET', served_key(env, class), owner) or 0)
  local least = redis.call('ZRANGE', owners, 0, 0, 'WITHSCORES')[2] or most_served(env, class)
  redis.call('ZADD', owners, math.max(owed, least - HEAD_START_S), owner)
end

-- Adds a batch to the queue of its lane, if it is not there yet. It comes after the batches whose turn is now or next,
-- and before the batches that have had more turns. It starts no earlier than the clock of the queue: otherwise a stream
-- of small batches, each of which leaves the queue before it is charged, would always come before a batch that has been
-- charged.
local function line_up(place, lane, batch)
  local queue, clock = queue_key(place, lane), clock_key(place, lane)
  local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2]
  -- Most lanes of a large commit are new, so this case comes first. An older release may have left a clock behind.
  if not first then redis.call('DEL', clock) redis.call('ZADD', queue, NEXT_S, batch) return end
  if redis.call('ZSCORE', queue, batch) then return end
  local from = math.max(tonumber(first), number_at(clock))
  redis.call('SET', clock, from, 'EX', CLOCK_KEPT_S)
  local before = redis.call('ZRANGE', queue, from + TURN_S, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  redis.call('ZADD', queue, math.max(tonumber(before), from) + NEXT_S, batch)
end

-- Lets the pending list of a batch be claimed as soon as its owner is among those with pending work (see `join`).
local function open_list(place, lane, batch, now)
  line_up(place, lane, batch)
  redis.call('ZADD', ready_key(place), 'NX', now, lane)
end

local function close_lane(place, lane, batch)
  local queue, ready = queue_key(place, lane), ready_key(place)
  redis.call('ZREM', queue, batch)
  if redis.call('EXISTS', queue) == 1 then return end
  redis.call('DEL', clock_key(place, lane))
  redis.call('ZREM', ready, lane)
  if redis.call('EXISTS', ready) == 1 then return end
  redis.call('ZREM', owners_key(place.environment, place.class), place.owner)
end

-- Charges seconds of work to an owner. The owner falls back in the queue of owners by this time.
local function charge_owner(place, seconds)
  local served = redis.call('ZADD', owners_key(place.environment, place.class), 'XX', 'INCR', seconds, place.owner)
  local key = served_key(place.environment, place.class)
  if served then redis.call('HSET', key, place.owner, served) else redis.call('HINCRBYFLOAT', key, place.owner, seconds) end
end

-- Advances the clock of a queue by some work, divided by how many batches wait in the queue.
local function advance(place, lane, work)
  local waiting, clock = redis.call('ZCARD', queue_key(place, lane)), clock_key(place, lane)
  if waiting == 0 then return end
  redis.call('INCRBYFLOAT', clock, work / waiting)
  redis.call('EXPIRE', clock, CLOCK_KEPT_S)
end

-- Charges seconds of work to a batch. The batch falls back in the queue of its lane by whole turns.
local function charge_batch(place, lane, batch, seconds)
  local b = 'farm:batch:' .. batch
  local weight = redis.call('HGET', b, 'weight')
  -- Without a weight the batch has expired, and nothing may create its key again.
  if not weight then return end
  local share = seconds / tonumber(weight)
  local served = tonumber(redis.call('HINCRBYFLOAT', b, 'served', share))
  local turns = math.floor(served / TURN_S) - math.floor((served - share) / TURN_S)
  if turns > 0 then redis.call('ZADD', queue_key(place, lane), 'XX', 'INCR', turns * TURN_S, batch) end
  advance(place, lane, share)
end

-- Charges seconds of work to a batch and its owner.
local function charge(place, lane, batch, seconds)
  seconds = tonumber(seconds)
  if seconds <= 0 then return end
  charge_owner(place, seconds)
  charge_batch(place, lane, batch, seconds)
end

-- Puts an index that is in no other place back into its lane. If the index is slow, it goes to the end, otherwise to
-- the head. If the index has a verdict, or its batch has expired, nothing happens.
local function put_back(place, lane, batch, index, slow, now)
  local b = 'farm:batch:' .. batch
  if redis.call('HEXISTS', b .. ':results', index) == 1 or redis.call('EXISTS', b) == 0 then return end
  if slow then
    redis.call('HSET', b .. ':history', 'slow:' .. index, 1)
    redis.call('HINCRBY', b, 'deferred', 1)
  end
  redis.call(slow and 'RPUSH' or 'LPUSH', 'farm:pending:' .. lane .. ':' .. batch, index)
  redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'pending', 1)
  if redis.call('HGET', b, 'cancelled') == '1' then return end
  open_list(place, lane, batch, now)
  join(place.environment, place.class, place.owner)
end

-- Charges a death or a lapse to an index; returns how many have been charged to it. Nothing is charged if the index has
-- a verdict or its batch has expired, because the counter would be created again and would never expire.
local function charge_item(batch, what, index)
  local b = 'farm:batch:' .. batch
  if redis.call('EXISTS', b) == 0 or redis.call('HEXISTS', b .. ':results', index) == 1 then return 0 end
  return redis.call('HINCRBY', b .. ':history', what .. ':' .. index, 1)
end

local function read_lease(id)
  local v = redis.call('HMGET', 'farm:lease:' .. id, 'environment', 'class', 'lane', 'batch', 'running', 'worker', 'owner', 'beyond')
  if not v[1] then return nil end
  return {id = id, environment = v[1], class = v[2], lane = v[3], batch = v[4], running = v[5], worker = v[6], owner = v[7],
    beyond = v[8]}
end

-- Returns a lease, or nil if it is gone or has lapsed, even if the reaper has not yet taken its items back. A process
-- whose lease has lapsed is told that the lease is gone, so it stops working on the items. It must not renew the lease
-- after that, or nobody would work on the items.
local function read_live_lease(id, now)
  local lease = read_lease(id)
  return lease and tonumber(redis.call('ZSCORE', 'farm:leases', id) or 0) > now and lease or nil
end

local function end_lease(lease)
  local key = 'farm:lease:' .. lease.id
  local held = redis.call('LLEN', key .. ':items')
  if held > 0 then redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'leased', -held) end
  redis.call('DEL', key, key .. ':items', key .. ':members')
  redis.call('ZREM', 'farm:leases', lease.id)
  redis.call('ZREM', 'farm:leases:' .. lease.environment .. ':' .. lease.class, lease.id)
end

-- Returns the part of TOOLCHAIN|POLICY|CHECKER|REVISION that has been declared bad, or nil if none has.
local function declared_bad(revision)
  if redis.call('EXISTS', 'farm:revoked') == 0 then return nil end
  local toolchain, policy, checker = string.match(revision, '^([^|]*)|([^|]*)|([^|]*)|')
  for kind, value in pairs({toolchain = toolchain, policy = policy, checker = checker}) do
    if redis.call('HEXISTS', 'farm:revoked', kind .. ':' .. value) == 1 then return kind .. ' ' .. value end
  end
end

-- Puts the items that have waited for a run back into their lanes; returns how many there were. `ending` says how the
-- run ended:
--   'shared'  The items find the verdict in the cache; if it is not there, the next of them runs for all of them.
--   'apart'   The run decided nothing. Each item gets a run of its own.
--   'slow'    The run outlasted its slice. The items count as slow too.
local function unpark(member, ending, now)
  local waiting = redis.call('HGETALL', 'farm:parked:' .. member)
  redis.call('DEL', 'farm:parked:' .. member)
  for i = 1, #waiting, 2 do
    local batch, index = string.match(waiting[i], '^(.*):(%d+)$')
    local place = place_of(batch)
    redis.call('HDEL', 'farm:batch:' .. batch .. ':parked', index)
    if place then
      if ending == 'apart' then redis.call('HSET', 'farm:batch:' .. batch .. ':history', 'apart:' .. index, 1) end
      put_back(place, waiting[i + 1], batch, index, ending == 'slow', now)
    end
  end
  return #waiting / 2
end

-- Takes an index out of a lease. If other items wait for the run of this index, they are put back (see `unpark`).
-- Returns how many items were put back.
local function drop_from_lease(lease, index, ending, now)
  local key = 'farm:lease:' .. lease.id
  if redis.call('LREM', key .. ':items', 1, index) == 0 then return 0 end
  redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'leased', -1)
  if lease.beyond == tostring(index) then redis.call('ZREM', 'farm:batch:' .. lease.batch .. ':beyond', index) end
  local kept = redis.call('HGET', key .. ':members', index)
  if not kept then return 0 end
  redis.call('HDEL', key .. ':members', index)
  local member = string.sub(kept, LAYOUT_CHARS + 1)
  if redis.call('GET', 'farm:flight:' .. member) ~= lease.id then return 0 end
  redis.call('DEL', 'farm:flight:' .. member)
  return unpark(member, ending, now)
end

-- Adds `items` and `bytes`, which may be negative, to the sums of a batch, of its owner and of the whole farm.
local function hold(batch, owner, items, bytes)
  for name, by in pairs({items = items, bytes = bytes}) do
    redis.call('HINCRBY', 'farm:holding:' .. batch, name, by)
    for _, field in ipairs({name, name .. ':' .. owner}) do
      if redis.call('HINCRBY', 'farm:usage', field, by) == 0 then redis.call('HDEL', 'farm:usage', field) end
    end
  end
end

-- Gives all items that a lease still holds back to their lane, and ends the lease. No item is charged.
local function give_up_lease(lease, now)
  local held = redis.call('LRANGE', 'farm:lease:' .. lease.id .. ':items', 0, -1)
  for i = #held, 1, -1 do
    drop_from_lease(lease, held[i], 'apart', now)
    put_back(lease, lease.lane, lease.batch, held[i], false, now)
  end
  end_lease(lease)
end

-- Returns the keys that live as long as a batch.
local function batch_keys(batch)
  local b, keys = 'farm:batch:' .. batch, {'farm:batch:' .. batch}
  local v = redis.call('HMGET', b, 'owner', 'idempotency_key')
  if v[2] then keys[2] = 'farm:idempotency:' .. v[1] .. ':' .. v[2] end
  for _, part in ipairs({'items', 'results', 'finished', 'lanes', 'history', 'parked', 'beyond'}) do keys[#keys + 1] = b .. ':' .. part end
  return keys
end

-- Completes a batch all of whose items have their verdicts: wakes the client that waits, and lets the keys expire.
local function complete_batch(batch, now)
  local b, place = 'farm:batch:' .. batch, place_of(batch)
  local v = redis.call('HMGET', b, 'cancelled', 'reply', 'retention_s', 'total')
  redis.call('HSET', b, 'finished_ms', now, 'state', v[1] == '1' and 'cancelled' or 'done')
  redis.call('SREM', 'farm:cancelling', batch)
  redis.call('ZREM', 'farm:deadlines', batch)
  -- If the verdict on an index came late, from a lapsed lease, the index is still in a pending list.
  for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do
    local list = 'farm:pending:' .. lane .. ':' .. batch
    local left = redis.call('LLEN', list)
    if left > 0 then
      redis.call('HINCRBY', 'farm:counts:' .. place.environment, 'pending', -left)
      redis.call('DEL', list)
    end
    close_lane(place, lane, batch)
  end
  -- The reaper frees the storage when the retention ends (expire.lua). Without a reaper, the keys expire an hour later.
  redis.call('ZADD', 'farm:expiries', now + v[3] * 1000, batch)
  for _, key in ipairs(batch_keys(batch)) do redis.call('EXPIRE', key, v[3] + 3600) end
  if v[2] and v[2] ~= '' then
    -- The reply for a single proof brings the verdict with it, unless the verdict is large.
    local only = v[4] == '1' and redis.call('HGET', b .. ':results', '0')
    redis.call('RPUSH', v[2], 'batch:' .. batch .. (only and #only <= REPLY_BYTES and ':' .. only or ''))
    redis.call('EXPIRE', v[2], REPLY_TTL_S)
  end
end
