-- Vectors that all embed workers share. If they take too many bytes, this script drops the least recently used ones,
-- because Redis evicts nothing.
-- ARGV: operation, then
--   get   digest...                        -> the vectors, or false
--   put   most bytes, then digest, vector...
local VECTORS, USED, BYTES = 'farm:vectors', 'farm:vectors:used', 'farm:vectors:bytes'
-- Roughly how many bytes Redis itself takes for one entry, in the hash and the zset together.
local OVERHEAD = 200

local function drop(digest)
  local size = redis.call('HSTRLEN', VECTORS, digest)
  redis.call('HDEL', VECTORS, digest)
  return redis.call('DECRBY', BYTES, size + OVERHEAD)
end

local operations = {}

function operations.get()
  local found, now = {}, now_ms()
  for at = 2, #ARGV do
    local vector = redis.call('HGET', VECTORS, ARGV[at])
    if vector then redis.call('ZADD', USED, now, ARGV[at]) end
    table.insert(found, vector)
  end
  return found
end

function operations.put()
  local most, now, held = tonumber(ARGV[2]), now_ms(), tonumber(redis.call('GET', BYTES) or 0)
  for at = 3, #ARGV, 2 do
    if redis.call('HSETNX', VECTORS, ARGV[at], ARGV[at + 1]) == 1 then
      held = redis.call('INCRBY', BYTES, #ARGV[at + 1] + OVERHEAD)
    end
    redis.call('ZADD', USED, now, ARGV[at])
  end
  while held > most do
    local oldest = redis.call('ZPOPMIN', USED)
    if #oldest == 0 then break end
    held = drop(oldest[1])
  end
end

return operations[ARGV[1]]()
