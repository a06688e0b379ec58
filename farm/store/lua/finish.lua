-- Writes verdicts. If an item has a verdict already, that one stays. An `undecided` verdict from a lapsed lease is
-- dropped: the process had been stopped for a while, so its timeout is not a real one. The reaper takes the items of
-- this lease back.
-- ARGV: lease, batch, what runs next (an index, ONE_OF_THEM or ''), seconds of work to charge, seconds of the longest
--       run that decided or '', most bytes of the verdict cache, TOOLCHAIN|POLICY|CHECKER|REVISION or '',
--       then per verdict: index, outcome, reason, 'c'lean | 'm'essages | 'n'ot to be kept | '' (no run decided), packed
--       verdict
-- Returns {lease alive, work of others comes first, verdicts written, tokens to publish, timed, longest_s,
--          a canary was accepted}.
local batch, b = ARGV[2], 'farm:batch:' .. ARGV[2]
local now = now_ms()
local lease = read_live_lease(ARGV[1], now)

local exists = redis.call('EXISTS', b) == 1

-- Whether a canary was accepted. This holds even if its verdict has been written already, because the reply to an
-- earlier call may have got lost.
local function accepts_canary()
  for i = 8, #ARGV, 5 do
    if exists and tonumber(ARGV[i]) >= FIRST_CANARY and ARGV[i + 1] == 'accepted' then return true end
  end
  return false
end

-- Whether a canary of the batch was accepted after the lease had been claimed. A lease that has lapsed counts as claimed
-- before. The reaper's own verdicts, which no process has judged, have no revision.
local function is_before_alarm()
  local alarms = ARGV[7] ~= '' and redis.call('HGET', b, 'alarmed')
  return alarms and alarms ~= redis.call('HGET', 'farm:lease:' .. ARGV[1], 'alarms')
end

local alarm = accepts_canary()
-- If the toolchain, policy or checker has been declared bad since the claim, or a canary of the batch has been accepted
-- since then, the verdicts are not written, and the items are judged again.
if declared_bad(ARGV[7]) or (is_before_alarm() and not alarm) then
  if lease then give_up_lease(lease, now) end
  return {0, 0, 0, lease and tokens_wanted(lease.environment, now) or 0, 0, 0, 0}
end

local function forget_oldest(bytes, bound)
  while bytes > bound do
    local oldest = redis.call('ZPOPMIN', 'farm:verdicts')[1]
    if not oldest then return end
    bytes = count('cache_bytes', -redis.call('STRLEN', 'farm:verdict:' .. oldest) - ENTRY_BYTES)
    redis.call('DEL', 'farm:verdict:' .. oldest)
    count('cache_evicted')
  end
end

local function keep(index, kind, packed)
  local kept = redis.call('HGET', 'farm:lease:' .. lease.id .. ':members', index)
  if not kept then return end
  local member = string.sub(kept, LAYOUT_CHARS + 1)
  local key, value = 'farm:verdict:' .. member, string.sub(kept, 1, LAYOUT_CHARS) .. kind .. packed
  local before = redis.call('STRLEN', key)
  redis.call('SET', key, value)
  redis.call('ZADD', 'farm:verdicts', now, member)
  local grown = #value - before
  forget_oldest(count('cache_bytes', before == 0 and grown + ENTRY_BYTES or grown), tonumber(ARGV[6]))
end

-- What these verdicts add to the counts of their batch and of the farm. It is summed here, so that each count is
-- changed only once.
local counts, totals = {}, {}

local function add(sums, name) sums[name] = (sums[name] or 0) + 1 end

local function tell(index, outcome, reason)
  redis.call('XADD', b .. ':finished', '*', 'i', index)
  add(counts, outcome)
  add(totals, outcome .. ':' .. reason)
  if reason ~= '' then add(counts, 'reason:' .. reason) end
  if reason == 'invalid_statement' then add(counts, 'invalid_statements') end
  if reason == 'timeout' then add(counts, 'timeouts') end
  if lease and lease.beyond == index and outcome ~= 'undecided' then add(counts, 'returned') end
end

-- Counts the verdict on a canary. Nobody is told this verdict.
local function tell_canary(outcome)
  redis.call('HINCRBY', b, 'canaries_done', 1)
  count('canaries_' .. outcome)
end

-- Stops all claims for an owner until resume.lua runs. `batch` is the batch in which a canary was accepted.
local function pause(owner, batch)
  redis.call('HSETNX', 'farm:paused', owner, batch)
  redis.call('HINCRBY', 'farm:batch:' .. batch, 'alarmed', 1)
  redis.call('SADD', 'farm:suspects', batch)
  for _, env in ipairs(environments()) do
    for _, class in ipairs(CLASSES) do redis.call('ZREM', owners_key(env, class), owner) end
  end
end

local written, bytes, unparked = 0, 0, 0
for i = 8, #ARGV, 5 do
  local index, outcome, reason, packed = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  local worth, is_canary = (lease or outcome ~= 'undecided') and exists, tonumber(index) >= FIRST_CANARY
  if worth and redis.call('HSETNX', b .. ':results', index, packed) == 1 then
    written, bytes = written + 1, bytes + #packed
    if is_canary then tell_canary(outcome) else tell(index, outcome, reason) end
    if ARGV[i + 3] ~= '' then
      add(counts, 'timed')
      if lease and ARGV[i + 3] ~= 'n' then keep(index, ARGV[i + 3], packed) end
    end
  end
  if lease then unparked = unparked + drop_from_lease(lease, index, outcome == 'undecided' and 'apart' or 'shared', now) end
end
if written > 0 then
  hold(batch, redis.call('HGET', b, 'owner'), -written, bytes)
  for name, by in pairs(counts) do redis.call('HINCRBY', b, name, by) end
  for name, by in pairs(totals) do redis.call('HINCRBY', 'farm:totals', name, by) end
  if ARGV[5] ~= '' then
    local longest = tonumber(redis.call('HGET', b, 'longest_s') or 0)
    if tonumber(ARGV[5]) > longest then redis.call('HSET', b, 'longest_s', ARGV[5]) end
  end
  local done = redis.call('HINCRBY', b, 'done', written)
  if done >= tonumber(redis.call('HGET', b, 'total')) then complete_batch(batch, now) end
end
if alarm then
  local place = place_of(batch)
  pause(place.owner, batch)
  -- The remaining items of the lease wait until an operator has looked. Then another process judges them.
  if lease then give_up_lease(lease, now) end
  return {0, 0, written, tokens_wanted(place.environment, now), 0, 0, 1}
end
-- Whether the process should make a new claim: interactive work is waiting, or another owner has waited very long.
local function others_first()
  if lease.class ~= 'batch' then return false end
  if has_ready(lease.environment, 'interactive') then return true end
  local first = redis.call('ZRANGE', owners_key(lease.environment, 'batch'), 0, 0)[1]
  if not first or first == lease.owner then return false end
  local lead_s = tonumber(redis.call('HGET', 'farm:lease:' .. lease.id, 'lead') or 0)
  return is_neglected(lease.environment, first, lead_s, now)
end

local waits = 0
if lease then
  charge(lease, lease.lane, batch, ARGV[4])
  redis.call('HSET', 'farm:lease:' .. lease.id, 'running', ARGV[3])
  if others_first() then waits = 1 end
  if redis.call('EXISTS', 'farm:lease:' .. lease.id .. ':items') == 0 then end_lease(lease) end
end
local seen = redis.call('HMGET', b, 'timed', 'longest_s')
return {lease and 1 or 0, waits, written, unparked > 0 and tokens_wanted(lease.environment, now) or 0, seen[1] or 0, seen[2] or 0, 0}
