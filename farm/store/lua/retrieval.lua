-- Premise queries: they are admitted under two limits, leased, embedded, and answered or given up. The totals in
-- farm:load are always the sums over the queries in farm:flights, because this script changes both together.
-- ARGV: operation, then
--   admit     id, ttl_ms, most bytes, most inputs, inputs, then field, value...
--             -> 1 admitted, publish a token | 0 admitted | -1 too many bytes in flight | -2 too many inputs
--   claim     room, worker, most, 'first' (the worker holds none) | 'more'   -> {id, {field, value...}}...
--   renew     room, worker, id...
--   look_after room   -> 1 publish a token | 0
--   pass_on   room, embed_s, model, then id, vectors...   -> 1 publish a token | 0
--   reply     id, list, the worker that must hold it or '', answer...
--   give_up   id
--   take_back room, worker, id...   -> the ids that had been taken back before; the other queries wait again, at the
--             head of the list
local FLIGHTS, LOAD = 'farm:flights', 'farm:load'
local UNITS, ROOMS = {'bytes', 'inputs'}, {'embed', 'premises'}

local function key_of(id) return 'farm:retrieval:' .. id end
local function waiting_key(room) return 'farm:waiting:' .. room end
local function leased_key(room) return 'farm:leased:' .. room end

local function load_of(name)
  return tonumber(redis.call('HGET', LOAD, name) or 0)
end

local function charge(id, unit, amount)
  redis.call('HINCRBY', LOAD, unit, amount)
  redis.call('HINCRBY', LOAD, id .. ':' .. unit, amount)
end

local function end_leases(id)
  for _, room in ipairs(ROOMS) do redis.call('ZREM', leased_key(room), id) end
end

-- Removes a query and its load; returns false if the query had been removed already.
local function settle(id)
  if redis.call('ZREM', FLIGHTS, id) == 0 then return false end
  for _, unit in ipairs(UNITS) do
    charge(id, unit, 0 - load_of(id .. ':' .. unit))
    redis.call('HDEL', LOAD, id .. ':' .. unit)
  end
  if redis.call('EXISTS', FLIGHTS) == 0 then redis.call('DEL', LOAD) end
  end_leases(id)
  redis.call('UNLINK', key_of(id))
  return true
end

local function give_up(id)
  if not settle(id) then return end
  for _, room in ipairs(ROOMS) do redis.call('LREM', waiting_key(room), 1, id) end
end

local function call_for(room)
  return redis.call('SET', 'farm:called:' .. room, 1, 'NX', 'PX', TOKEN_TTL_MS) and 1 or 0
end

-- Whether a room still has to work on a query: `embed` if the query has no vectors yet, `premises` if it has them.
local function is_due(room, id)
  local key = key_of(id)
  return redis.call('HEXISTS', key, 'request') == 1 and (redis.call('HEXISTS', key, 'vectors') == 1) == (room == 'premises')
end

local function is_waited_for(id, now)
  return tonumber(redis.call('ZSCORE', FLIGHTS, id) or 0) > now
end

local function holds(room, worker, id)
  return redis.call('HGET', key_of(id), 'holder') == worker and redis.call('ZSCORE', leased_key(room), id)
end

-- Ends the lease of a query whose worker will not answer. If the room still has to work on the query, it goes back to
-- the head of the list, where it was before.
local function put_back(room, id)
  redis.call('ZREM', leased_key(room), id)
  if is_due(room, id) then redis.call('LPUSH', waiting_key(room), id) end
end

local function put_back_lapsed(room, now)
  for _, id in ipairs(redis.call('ZRANGE', leased_key(room), now, '-inf', 'BYSCORE', 'REV')) do put_back(room, id) end
end

local function lease(room, worker, lapses_ms, id)
  redis.call('ZADD', leased_key(room), lapses_ms, id)
  redis.call('HSET', key_of(id), 'holder', worker)
  return {id, redis.call('HGETALL', key_of(id))}
end

local operations = {}

function operations.admit(id, ttl_ms, most_bytes, most_inputs, inputs)
  -- If the query is there already, the caller has not got the first reply and asks again.
  if redis.call('ZSCORE', FLIGHTS, id) then return call_for('embed') end
  local now = now_ms()
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', FLIGHTS, '-inf', now)) do give_up(expired) end
  local bytes, held = 0, load_of('inputs')
  for at = 8, #ARGV, 2 do bytes = bytes + #ARGV[at] end
  if load_of('bytes') + bytes > tonumber(most_bytes) then return -1 end
  -- A query that is alone is always admitted: the embed worker divides it.
  if held > 0 and held + inputs > tonumber(most_inputs) then return -2 end
  redis.call('ZADD', FLIGHTS, now + ttl_ms, id)
  charge(id, 'bytes', bytes)
  charge(id, 'inputs', inputs)
  redis.call('HSET', key_of(id), unpack(ARGV, 7))
  redis.call('PEXPIRE', key_of(id), ttl_ms)
  redis.call('RPUSH', waiting_key('embed'), id)
  return call_for('embed')
end

-- Puts back the queries that a worker holds without knowing it, because the reply with them got lost.
local function put_back_unknown(room, worker, taken)
  for id in string.gmatch(taken, '%S+') do
    if holds(room, worker, id) then put_back(room, id) end
  end
end

function operations.claim(room, worker, most, which)
  local taken_key, now = 'farm:taken:' .. room, now_ms()
  local taken = redis.call('HGET', taken_key, worker) or ''
  if which == 'first' then put_back_unknown(room, worker, taken) end
  put_back_lapsed(room, now)
  local found, ids = {}, which == 'first' and {} or {taken}
  repeat
    local popped = redis.call('LPOP', waiting_key(room), most) or {}
    for _, id in ipairs(popped) do
      -- A query that is already leased was in the list twice.
      if is_due(room, id) and is_waited_for(id, now) and not redis.call('ZSCORE', leased_key(room), id) then
        found[#found + 1] = lease(room, worker, now + QUERY_LEASE_MS, id)
        ids[#ids + 1] = id
      end
    end
  until #found > 0 or #popped == 0
  if #ids > 0 and worker ~= '' then
    redis.call('HSET', taken_key, worker, table.concat(ids, ' '))
  elseif taken ~= '' then
    redis.call('HDEL', taken_key, worker)
  end
  return found
end

function operations.renew(room, worker)
  local now = now_ms()
  for at = 4, #ARGV do
    if holds(room, worker, ARGV[at]) then redis.call('ZADD', leased_key(room), 'XX', now + QUERY_LEASE_MS, ARGV[at]) end
  end
end

function operations.look_after(room)
  put_back_lapsed(room, now_ms())
  return redis.call('EXISTS', waiting_key(room)) == 1 and call_for(room) or 0
end

function operations.pass_on(room, embed_s, model)
  local passed = false
  for at = 5, #ARGV, 2 do
    local id, vectors = ARGV[at], ARGV[at + 1]
    -- Leaves out a query that another worker has passed on, and a query that has been given up: writing its vectors
    -- would create its key again, with nothing but the vectors.
    if is_due('embed', id) then
      -- The leases end first: a full store allows a write that removes something. Once a script has written, a full
      -- store allows all further writes of this script.
      end_leases(id)
      redis.call('HSET', key_of(id), 'vectors', vectors, 'embed_s', embed_s, 'model', model)
      charge(id, 'bytes', #vectors)
      charge(id, 'inputs', 0 - load_of(id .. ':inputs'))
      redis.call('RPUSH', waiting_key(room), id)
    end
    passed = passed or is_due(room, id)
  end
  return passed and call_for(room) or 0
end

function operations.reply()
  for at = 2, #ARGV, 4 do
    local id, list, holder, answer = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local may_answer = holder == '' or holds('embed', holder, id) or holds('premises', holder, id)
    if may_answer and settle(id) then
      redis.call('RPUSH', list, answer)
      redis.call('EXPIRE', list, REPLY_TTL_S)
    end
  end
end

operations.give_up = give_up

-- Whether a dead worker still held a query; if so, ends its lease. After a lapse another worker may hold the query. A
-- query without a holder was taken by a worker of the previous release, which kept no leases.
local function was_held(room, worker, id)
  local holder = redis.call('HGET', key_of(id), 'holder')
  return not holder or (holder == worker and redis.call('ZREM', leased_key(room), id) == 1)
end

function operations.take_back(room, worker)
  local before = {}
  for at = 4, #ARGV do
    -- A query that has been answered, given up or passed on is no longer this room's.
    if is_due(room, ARGV[at]) and was_held(room, worker, ARGV[at]) then
      if redis.call('HSETNX', key_of(ARGV[at]), 'taken_back_by_' .. room, 1) == 0 then
        table.insert(before, ARGV[at])
      else
        redis.call('LPUSH', waiting_key(room), ARGV[at])
      end
    end
  end
  return before
end

return operations[ARGV[1]](unpack(ARGV, 2, math.min(#ARGV, 6)))
