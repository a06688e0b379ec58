-- The key schema in words. This file stands in front of every script; nothing else knows these keys but keys.py.
--
-- farm:batch:B            hash    owner environment class(interactive|batch) state total done accepted rejected undecided
--                                 weight options(JSON) created_ms finished_ms retention_s reply cancelled
-- farm:batch:B:items      hash    index -> packed proof
-- farm:batch:B:results    hash    index -> packed verdict; the first writer wins
-- farm:batch:B:finished   stream  one entry {i index} per verdict in completion order; its ids are the cursor
-- farm:batch:B:lanes      set     lanes that hold or held items of the batch
-- farm:batch:B:deaths     hash    index -> deaths of a REPL or worker while that item ran
-- farm:batch:B:lapses     hash    index -> leases that ran out while that item ran
-- An index without a verdict is in exactly one place: a pending list, or the items of one lease.
-- farm:batches            zset    OWNER/B -> created_ms;  farm:batches:OWNER  batch -> created_ms
-- farm:cancelling         set     batches whose remainder is still being worked off
-- farm:deadlines          zset    batch -> ms at which it is cancelled
-- farm:idempotency:OWNER:KEY  hash  body (SHA-256), batch
-- farm:pending:LANE:B     list    indices that wait; "!i" was charged with a death and runs alone
-- farm:lane:LANE:CLASS    zset    batch -> virtual time: items served / weight, so that batches share a lane fairly
-- farm:ready:ENV:CLASS    zset    lane with pending work -> ms since when nobody served it
-- farm:lease:X            hash    worker environment class lane batch running
-- farm:lease:X:items      list    indices of the lease that have no verdict yet
-- farm:leases             zset    lease -> ms at which it lapses;  farm:leases:ENV:CLASS the same, split
-- farm:counts:ENV         hash    pending, leased
-- farm:tokens:ENV         string  tokens believed to be on the broker or held by a process that works
-- farm:idle:ENV           string  processes that idled while work waited, at the reaper's last look
-- farm:workers:ENV        zset    Lean process -> ms until which it counts as alive
-- farm:worker:W           hash    what GET /v1/workers shows of a process
-- farm:totals             hash    verdicts by outcome:reason, for /metrics
-- farm:draining           string  present while nothing new may be claimed

local CLASSES = {'interactive', 'batch'}
local RESERVE_FROM_PROCESSES = 4  -- from this many processes on, one takes interactive work only

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function live_processes(env, now)
  return redis.call('ZCOUNT', 'farm:workers:' .. env, now, '+inf')
end

local function has_ready(env, class)
  return redis.call('EXISTS', 'farm:ready:' .. env .. ':' .. class) == 1
end

-- How many tokens to publish now; counts them as published.
local function tokens_wanted(env, now)
  local pending = tonumber(redis.call('HGET', 'farm:counts:' .. env, 'pending') or 0)
  local out = tonumber(redis.call('GET', 'farm:tokens:' .. env) or 0)
  local want = math.min(math.max(1, live_processes(env, now)) - out, pending)
  if want <= 0 then return 0 end
  redis.call('INCRBY', 'farm:tokens:' .. env, want)
  return want
end

local function token_spent(env)
  if tonumber(redis.call('GET', 'farm:tokens:' .. env) or 0) > 0 then redis.call('DECR', 'farm:tokens:' .. env) end
end

-- Makes a batch's pending list claimable. A newcomer starts at the lane's smallest virtual time: no credit, no debt.
local function open_lane(env, class, lane, batch, now)
  local queue = 'farm:lane:' .. lane .. ':' .. class
  if not redis.call('ZSCORE', queue, batch) then
    local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    redis.call('ZADD', queue, first[2] or 0, batch)
  end
  redis.call('ZADD', 'farm:ready:' .. env .. ':' .. class, 'NX', now, lane)
end

local function close_lane(env, class, lane, batch)
  local queue = 'farm:lane:' .. lane .. ':' .. class
  redis.call('ZREM', queue, batch)
  if redis.call('EXISTS', queue) == 0 then redis.call('ZREM', 'farm:ready:' .. env .. ':' .. class, lane) end
end

-- Puts an index that has just left a lease back at the head of its lane, unless it has a verdict.
local function put_back(lease, batch, index, charged, now)
  local b = 'farm:batch:' .. batch
  if redis.call('HEXISTS', b .. ':results', index) == 1 then return end
  redis.call('LPUSH', 'farm:pending:' .. lease.lane .. ':' .. batch, (charged and '!' or '') .. index)
  redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'pending', 1)
  if redis.call('HGET', b, 'cancelled') ~= '1' then open_lane(lease.environment, lease.class, lease.lane, batch, now) end
end

local function read_lease(id)
  local v = redis.call('HMGET', 'farm:lease:' .. id, 'environment', 'class', 'lane', 'batch', 'running', 'worker')
  if not v[1] then return nil end
  return {id = id, environment = v[1], class = v[2], lane = v[3], batch = v[4], running = v[5], worker = v[6]}
end

local function end_lease(lease)
  local held = redis.call('LLEN', 'farm:lease:' .. lease.id .. ':items')
  if held > 0 then redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'leased', -held) end
  redis.call('DEL', 'farm:lease:' .. lease.id, 'farm:lease:' .. lease.id .. ':items')
  redis.call('ZREM', 'farm:leases', lease.id)
  redis.call('ZREM', 'farm:leases:' .. lease.environment .. ':' .. lease.class, lease.id)
end

local function drop_from_lease(lease, index)
  local n = redis.call('LREM', 'farm:lease:' .. lease.id .. ':items', 1, index)
  if n > 0 then redis.call('HINCRBY', 'farm:counts:' .. lease.environment, 'leased', -n) end
end

local function batch_keys(batch)
  local b = 'farm:batch:' .. batch
  return {b, b .. ':items', b .. ':results', b .. ':finished', b .. ':lanes', b .. ':deaths', b .. ':lapses'}
end

-- Every proof has its verdict: wake who waits, and let everything expire.
local function complete_batch(batch, now)
  local b = 'farm:batch:' .. batch
  local v = redis.call('HMGET', b, 'cancelled', 'reply', 'retention_s', 'environment', 'class')
  redis.call('HSET', b, 'finished_ms', now, 'state', v[1] == '1' and 'cancelled' or 'done')
  redis.call('SREM', 'farm:cancelling', batch)
  redis.call('ZREM', 'farm:deadlines', batch)
  -- A verdict that came late, from a lapsed lease, leaves its index behind in a pending list.
  for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do
    local list = 'farm:pending:' .. lane .. ':' .. batch
    redis.call('HINCRBY', 'farm:counts:' .. v[4], 'pending', -redis.call('LLEN', list))
    redis.call('DEL', list)
    close_lane(v[4], v[5], lane, batch)
  end
  for _, key in ipairs(batch_keys(batch)) do redis.call('EXPIRE', key, v[3]) end
  if v[2] and v[2] ~= '' then
    redis.call('RPUSH', v[2], 'batch:' .. batch)
    redis.call('EXPIRE', v[2], 60)
  end
end
