-- Hands a worker process a chunk of one lane under a lease.
-- ARGV: environment, worker, lease, lease_ms, warm lane or '', most items, age bound in ms
-- Returns {lane, batch, options, created_ms, now, {index, payload, deaths, lapses}...}; or {} when there is nothing for
-- it, and then its token is spent: a process holds its token for as long as it finds work.
local env, worker, id = ARGV[1], ARGV[2], ARGV[3]
local lease_ms, warm, most, age_ms = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local now = now_ms()

local function busy(class)
  return redis.call('ZCOUNT', 'farm:leases:' .. env .. ':' .. class, now, '+inf')
end

local processes = live_processes(env, now)

local function reserved(class)
  return class == 'batch' and processes >= RESERVE_FROM_PROCESSES and busy('batch') >= processes - 1
end

-- The warm lane, unless another has waited past the age bound: then the one that waited longest.
local function pick_lane(class)
  local ready = 'farm:ready:' .. env .. ':' .. class
  local oldest = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
  if not oldest[1] then return nil end
  if warm ~= '' and redis.call('ZSCORE', ready, warm) and now - tonumber(oldest[2]) < age_ms then return warm end
  return oldest[1]
end

local function take(lane, class, batch)
  local list, b, taken = 'farm:pending:' .. lane .. ':' .. batch, 'farm:batch:' .. batch, {}
  -- Leave something for the other processes: a share of what waits, so that no chunk holds the tail of a batch.
  local share = math.max(1, math.min(most, math.ceil(redis.call('LLEN', list) / math.max(1, 2 * processes))))
  while #taken < share do
    local entry = redis.call('LPOP', list)
    if not entry then break end
    local alone = string.sub(entry, 1, 1) == '!'
    if alone and #taken > 0 then redis.call('LPUSH', list, entry) break end
    local index = alone and string.sub(entry, 2) or entry
    redis.call('HINCRBY', 'farm:counts:' .. env, 'pending', -1)
    -- A late verdict from a lapsed lease may have settled it meanwhile.
    if redis.call('HEXISTS', b .. ':results', index) == 0 then taken[#taken + 1] = index end
    if alone and #taken > 0 then break end
  end
  if redis.call('EXISTS', list) == 0 then close_lane(env, class, lane, batch) end
  return taken
end

local function grant(lane, class, batch, taken)
  local b = 'farm:batch:' .. batch
  local queue = 'farm:lane:' .. lane .. ':' .. class
  local info = redis.call('HMGET', b, 'options', 'created_ms', 'weight')
  if redis.call('ZSCORE', queue, batch) then redis.call('ZINCRBY', queue, #taken / tonumber(info[3]), batch) end
  if redis.call('EXISTS', queue) == 1 then redis.call('ZADD', 'farm:ready:' .. env .. ':' .. class, now, lane) end
  if redis.call('HGET', b, 'state') == 'queued' then redis.call('HSET', b, 'state', 'running') end
  redis.call('HSET', 'farm:lease:' .. id, 'environment', env, 'class', class, 'lane', lane, 'batch', batch,
    'running', taken[1], 'worker', worker)
  redis.call('RPUSH', 'farm:lease:' .. id .. ':items', unpack(taken))
  redis.call('ZADD', 'farm:leases', now + lease_ms, id)
  redis.call('ZADD', 'farm:leases:' .. env .. ':' .. class, now + lease_ms, id)
  redis.call('HINCRBY', 'farm:counts:' .. env, 'leased', #taken)
  local out = {lane, batch, info[1], info[2], now}
  for i, index in ipairs(taken) do
    local deaths = redis.call('HGET', b .. ':deaths', index) or 0
    local lapses = redis.call('HGET', b .. ':lapses', index) or 0
    out[5 + i] = {index, redis.call('HGET', b .. ':items', index), deaths, lapses}
  end
  return out
end

local function try_class(class)
  while not reserved(class) do
    local lane = pick_lane(class)
    if not lane then return nil end
    local batch = redis.call('ZRANGE', 'farm:lane:' .. lane .. ':' .. class, 0, 0)[1]
    if not batch then
      redis.call('ZREM', 'farm:ready:' .. env .. ':' .. class, lane)
    else
      local taken = take(lane, class, batch)
      if #taken > 0 then return grant(lane, class, batch, taken) end
    end
  end
end

local out = {}
if redis.call('EXISTS', 'farm:draining') == 0 then
  for _, class in ipairs(CLASSES) do
    out = try_class(class) or {}
    if #out > 0 then break end
  end
end
if #out == 0 then token_spent(env) end
return out
