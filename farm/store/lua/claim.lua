-- Leases some items of one lane to a worker process. A lane is a queue of items that can share one REPL environment.
-- ARGV: environment, worker, lease, warm lane or '', owner served last or '', seconds by which this owner may be ahead
--       of the others, most items to run, TOOLCHAIN|POLICY|CHECKER|REVISION, '1' if verdicts may be written in groups,
--       otherwise ''; '' if the process lingers without a token, otherwise '1' (or absent)
-- Returns {lane, batch, owner, options, created_ms, now, timed, longest_s, traceparent or '', total, class,
--          {index, stored proof, deaths, lapses, slow, known verdict or ''}...};
-- {what has been declared bad} if the toolchain, policy or checker of the process has been declared bad;
-- or {} if there is nothing to do. In the last two cases the token of the process, if it has one, is spent, because a
-- process holds a token only while it finds work. If the reply has the first form but no items, there is no lease: every
-- item that the claim looked at has to wait for the run of another item.
local env, worker, id = ARGV[1], ARGV[2], ARGV[3]
local warm, last_owner, lead_s, most, revision = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local in_groups = ARGV[9] == '1'
-- If something has rung for a process that lingers, that ring is its token.
local has_token = ARGV[10] ~= '' or redis.call('DEL', 'farm:ring:' .. worker) == 1
local MOST_KNOWN, MOST_LOOKED_AT = 64, 1000  -- bounds how long one claim may hold up the server
local now = now_ms()

local processes = live_processes(env, now)

local function reserved(class)
  return class == 'batch' and processes >= RESERVE_FROM_PROCESSES and busy(env, 'batch', now) >= processes - 1
end

-- Returns the owner to serve. This is the owner that has been served least. But a change of owner may cost a header
-- load. So in the class `batch` the owner served last stays until it is more than `lead_s` ahead of the owner served
-- least, or until the owner served least is neglected.
local function pick_owner(class)
  local owners = owners_key(env, class)
  local first = redis.call('ZRANGE', owners, 0, 0, 'WITHSCORES')
  if class == 'batch' and last_owner ~= '' then
    local served = redis.call('ZSCORE', owners, last_owner)
    if served and served - first[2] <= lead_s and not is_neglected(env, first[1], lead_s, now) then return last_owner end
  end
  return first[1]
end

-- Returns the warm lane, if work waits in it and no lane has waited past the age bound. Otherwise returns the lane that
-- has waited longest.
local function pick_lane(place)
  local ready = ready_key(place)
  local oldest = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
  if warm ~= '' and redis.call('ZSCORE', ready, warm) and now - tonumber(oldest[2]) < LANE_AGE_BOUND_MS then return warm end
  return oldest[1]
end

local function known(member, exact)
  local kept = redis.call('GET', 'farm:verdict:' .. member)
  if not kept then return nil end
  -- The messages of a kept verdict have positions, which would be wrong for another layout of the same proof.
  local kind = string.sub(kept, LAYOUT_CHARS + 1, LAYOUT_CHARS + 1)
  if kind ~= 'c' and string.sub(kept, 1, LAYOUT_CHARS) ~= exact then return nil end
  redis.call('ZADD', 'farm:verdicts', now, member)
  return string.sub(kept, LAYOUT_CHARS + 2)
end

-- If another item with the same question is running, makes this item wait for that run. If not, records that this item
-- runs, so that others can wait for it. Returns whether this item waits.
local function park(member, lane, batch, index)
  local leader, parked = redis.call('GET', 'farm:flight:' .. member), 'farm:parked:' .. member
  if not leader or (leader ~= id and redis.call('EXISTS', 'farm:lease:' .. leader) == 0) then
    redis.call('SET', 'farm:flight:' .. member, id)
    return false
  end
  if redis.call('HLEN', parked) >= MOST_PARKED then return false end
  redis.call('HSET', parked, batch .. ':' .. index, lane)
  redis.call('HSET', 'farm:batch:' .. batch .. ':parked', index, member)
  count('flights_joined')
  return true
end

-- Looks at one item that was taken from the list. Returns the item's entry for the reply and, if the item has a
-- fingerprint, the member to keep in the lease. Returns nil if the item waits for another item's run.
local function look_at(lane, batch, index, past)
  local stored = redis.call('HGET', 'farm:batch:' .. batch .. ':items', index)
  local entry = {index, stored, past[1] or 0, past[2] or 0, past[3] or 0, ''}
  if string.sub(stored, 1, 1) ~= '+' then return entry end
  local member = revision .. '|' .. string.sub(stored, 2, QUESTION_CHARS + 1)
  local exact = string.sub(stored, QUESTION_CHARS + 2, QUESTION_CHARS + LAYOUT_CHARS + 1)
  local verdict = known(member, exact)
  count(verdict and 'cache_hits' or 'cache_misses')
  if verdict then
    entry[6] = verdict
    return entry
  end
  if not past[4] and park(member, lane, batch, index) then return nil end
  return entry, exact .. member
end

local function take(place, lane, batch)
  local list, b = 'farm:pending:' .. lane .. ':' .. batch, 'farm:batch:' .. batch
  local out = {entries = {}, members = {}, to_run = 0, looked_at = 0}
  local has_past = redis.call('EXISTS', b .. ':history') == 1
  -- Takes only a share of the waiting items, so that other processes get work too, and no large lease delays the end of
  -- a batch. If many small batches wait, every process has work anyway, and the share is larger, which costs less.
  local waiting = tonumber(redis.call('HGET', 'farm:counts:' .. env, 'pending') or 0)
  local share = math.max(1, math.min(most, math.ceil(waiting / math.max(1, 2 * processes))))
  while out.to_run < share and #out.entries < MOST_KNOWN + out.to_run and out.looked_at < MOST_LOOKED_AT do
    local index = redis.call('LPOP', list)
    if not index then break end
    local past = has_past and redis.call('HMGET', b .. ':history', 'death:' .. index, 'lapse:' .. index,
      'slow:' .. index, 'apart:' .. index, 'alone:' .. index) or {}
    -- An item runs alone if a death has been charged to it, or if it may have been running when a process died or its
    -- lease lapsed.
    local alone = past[1] or past[5]
    if alone and out.to_run > 0 then redis.call('LPUSH', list, index) break end
    out.looked_at = out.looked_at + 1
    -- The item may have a verdict already, from a process whose lease had lapsed.
    if redis.call('HEXISTS', b .. ':results', index) == 0 then
      local entry, member = look_at(lane, batch, index, past)
      if entry then
        out.entries[#out.entries + 1] = entry
        if entry[6] == '' then out.to_run = out.to_run + 1 end
        if member then out.members[#out.members + 1] = index out.members[#out.members + 1] = member end
        if alone and entry[6] == '' then break end
      end
    end
  end
  redis.call('HINCRBY', 'farm:counts:' .. env, 'pending', 0 - out.looked_at)
  if redis.call('EXISTS', list) == 0 then close_lane(place, lane, batch) end
  return out
end

local function lease_out(place, lane, batch, taken)
  local indices, running = {}, ''
  for i, entry in ipairs(taken.entries) do
    indices[i] = entry[1]
    if running == '' and entry[6] == '' then running = entry[1] end
  end
  if in_groups and place.class == 'batch' and taken.to_run > 1 then running = ONE_OF_THEM end
  local key = 'farm:lease:' .. id
  redis.call('HSET', key, 'environment', env, 'class', place.class, 'owner', place.owner, 'lane', lane, 'batch', batch,
    'running', running, 'worker', worker, 'lead', lead_s)
  local alarms = redis.call('HGET', 'farm:batch:' .. batch, 'alarmed')
  if alarms then redis.call('HSET', key, 'alarms', alarms) end
  redis.call('RPUSH', key .. ':items', unpack(indices))
  if #taken.members > 0 then redis.call('HSET', key .. ':members', unpack(taken.members)) end
  redis.call('ZADD', 'farm:leases', now + LEASE_MS, id)
  redis.call('ZADD', 'farm:leases:' .. env .. ':' .. place.class, now + LEASE_MS, id)
  redis.call('HINCRBY', 'farm:counts:' .. env, 'leased', #indices)
end

local function grant(place, lane, batch, taken)
  local b, ready = 'farm:batch:' .. batch, ready_key(place)
  -- Charges a little now, and the real seconds when they are known. Because of the first charge, two processes that
  -- claim at the same time serve two owners, and a hundred processes serve several batches.
  charge_owner(place, HEAD_START_S * 2)
  charge_batch(place, lane, batch, #taken.entries * CLAIM_S)
  redis.call('HSET', 'farm:granted:' .. env, place.owner, now)
  if redis.call('ZSCORE', ready, lane) then redis.call('ZADD', ready, now, lane) end
  if redis.call('HGET', b, 'state') == 'queued' then redis.call('HSET', b, 'state', 'running') end
  if #taken.entries > 0 then lease_out(place, lane, batch, taken) end
  local v = redis.call('HMGET', b, 'options', 'created_ms', 'timed', 'longest_s', 'trace', 'total')
  return {lane, batch, place.owner, v[1], v[2], now, v[3] or 0, v[4] or '0', v[5] or '', v[6] or 1,
    place.class, unpack(taken.entries)}
end

local function try_class(class)
  while not reserved(class) and has_ready(env, class) do
    local place = {environment = env, class = class, owner = pick_owner(class)}
    local lane = pick_lane(place)
    local batch = redis.call('ZRANGE', queue_key(place, lane), 0, 0)[1]
    local taken = take(place, lane, batch)
    if #taken.entries > 0 or taken.looked_at >= MOST_LOOKED_AT then return grant(place, lane, batch, taken) end
  end
end

local out = {}
local bad = declared_bad(revision)
if bad then
  if has_token then token_spent(env) end
  return {bad}
end
-- If the lease exists, this claim was sent before and its reply got lost. So nobody is working on the lease's items.
local lost = read_lease(id)
if lost then give_up_lease(lost, now) end
if redis.call('EXISTS', 'farm:draining') == 0 then
  for _, class in ipairs(CLASSES) do
    out = try_class(class) or {}
    if #out > 0 then break end
  end
end
if #out == 0 then
  if has_token or lost then token_spent(env) end
  return out
end
redis.call('ZREM', 'farm:lingering:' .. env, worker)
-- A process that has found work without a token counts as one with a token from now on; it does so already if this claim
-- was sent before.
if not (has_token or lost) then believe(env, number_at('farm:tokens:' .. env) + 1) end
return out
