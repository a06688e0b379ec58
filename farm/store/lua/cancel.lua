-- Marks a batch as cancelled, so that no more of its items start. Later calls of sweep.lua lease the remaining items,
-- so that they get their verdicts.
-- ARGV: batch. Returns 1 if any items remain, otherwise 0.
local batch, b = ARGV[1], 'farm:batch:' .. ARGV[1]
local v = redis.call('HMGET', b, 'total', 'done')
if not v[1] or tonumber(v[2]) >= tonumber(v[1]) then return 0 end
redis.call('HSET', b, 'cancelled', 1, 'state', 'cancelled')
local place = place_of(batch)
for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do close_lane(place, lane, batch) end
redis.call('SADD', 'farm:cancelling', batch)
return 1
