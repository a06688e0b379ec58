-- Premise queries: admitted under two limits, embedded, answered, given up. The keys are in farm/store/retrievals.py.
-- The totals are the sums over farm:flights, whatever expires or dies: only here do they change, and together with it.
-- ARGV: operation, then
--   admit     id, ttl_ms, most bytes, most inputs, inputs, token_ms, then field, value...
--             -> 1 admitted, publish a token | 0 admitted | -1 too many bytes in flight | -2 too many inputs
--   pass_on   room, token_ms, embed_s, then id, vectors...   -> 1 publish a token | 0
--   reply     ttl_s, then id, list, answer...
--   give_up   id
--   take_back room, id... -> those that were taken back before; the others wait again, first in the list
local FLIGHTS, LOAD = 'farm:flights', 'farm:load'
local UNITS = {'bytes', 'inputs'}

local function load_of(name)
  return tonumber(redis.call('HGET', LOAD, name) or 0)
end

local function charge(id, unit, amount)
  redis.call('HINCRBY', LOAD, unit, amount)
  redis.call('HINCRBY', LOAD, id .. ':' .. unit, amount)
end

-- Takes a query out of the books; false when it was out already.
local function settle(id)
  if redis.call('ZREM', FLIGHTS, id) == 0 then return false end
  for _, unit in ipairs(UNITS) do
    charge(id, unit, 0 - load_of(id .. ':' .. unit))
    redis.call('HDEL', LOAD, id .. ':' .. unit)
  end
  if redis.call('EXISTS', FLIGHTS) == 0 then redis.call('DEL', LOAD) end
  redis.call('UNLINK', 'farm:retrieval:' .. id)
  return true
end

local function give_up(id)
  if not settle(id) then return end
  for _, room in ipairs({'embed', 'premises'}) do redis.call('LREM', 'farm:waiting:' .. room, 1, id) end
end

local function call_for(room, token_ms)
  return redis.call('SET', 'farm:called:' .. room, 1, 'NX', 'PX', token_ms) and 1 or 0
end

local operations = {}

function operations.admit(id, ttl_ms, most_bytes, most_inputs, inputs, token_ms)
  local now = now_ms()
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', FLIGHTS, '-inf', now)) do give_up(expired) end
  local bytes, held = 0, load_of('inputs')
  for at = 9, #ARGV, 2 do bytes = bytes + #ARGV[at] end
  if load_of('bytes') + bytes > tonumber(most_bytes) then return -1 end
  -- One alone is always admitted: the embed worker divides it.
  if held > 0 and held + inputs > tonumber(most_inputs) then return -2 end
  redis.call('ZADD', FLIGHTS, now + ttl_ms, id)
  charge(id, 'bytes', bytes)
  charge(id, 'inputs', inputs)
  redis.call('HSET', 'farm:retrieval:' .. id, unpack(ARGV, 8))
  redis.call('PEXPIRE', 'farm:retrieval:' .. id, ttl_ms)
  redis.call('RPUSH', 'farm:waiting:embed', id)
  return call_for('embed', token_ms)
end

function operations.pass_on(room, token_ms, embed_s)
  local passed = false
  for at = 5, #ARGV, 2 do
    local id, vectors = ARGV[at], ARGV[at + 1]
    -- Who gave up meanwhile must not come back with vectors alone.
    if redis.call('EXISTS', 'farm:retrieval:' .. id) == 1 then
      redis.call('HSET', 'farm:retrieval:' .. id, 'vectors', vectors, 'embed_s', embed_s)
      charge(id, 'bytes', #vectors)
      charge(id, 'inputs', 0 - load_of(id .. ':inputs'))
      redis.call('RPUSH', 'farm:waiting:' .. room, id)
      passed = true
    end
  end
  return passed and call_for(room, token_ms) or 0
end

function operations.reply(ttl_s)
  for at = 3, #ARGV, 3 do
    local id, list, answer = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if settle(id) then
      redis.call('RPUSH', list, answer)
      redis.call('EXPIRE', list, ttl_s)
    end
  end
end

operations.give_up = give_up

function operations.take_back(room)
  local before = {}
  for at = 3, #ARGV do
    local key = 'farm:retrieval:' .. ARGV[at]
    local has_vectors = redis.call('HEXISTS', key, 'vectors') == 1
    -- What was answered, given up or passed on is no longer this room's.
    if redis.call('HEXISTS', key, 'request') == 1 and has_vectors == (room == 'premises') then
      if redis.call('HSETNX', key, 'taken_back_by_' .. room, 1) == 0 then
        table.insert(before, ARGV[at])
      else
        redis.call('LPUSH', 'farm:waiting:' .. room, ARGV[at])
      end
    end
  end
  return before
end

return operations[ARGV[1]](unpack(ARGV, 2, math.min(#ARGV, 7)))
