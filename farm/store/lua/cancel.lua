-- Marks a batch as cancelled: nothing more of it starts. Its remaining items get their verdicts in slices (sweep.lua).
-- ARGV: batch. Returns 1 if any items remain.
local batch, b = ARGV[1], 'farm:batch:' .. ARGV[1]
local v = redis.call('HMGET', b, 'total', 'done')
if not v[1] or tonumber(v[2]) >= tonumber(v[1]) then return 0 end
redis.call('HSET', b, 'cancelled', 1, 'state', 'cancelled')
local place = place_of(batch)
for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do close_lane(place, lane, batch) end
redis.call('SADD', 'farm:cancelling', batch)
return 1
