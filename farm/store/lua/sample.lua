-- Keeps what a reaper saw in a look at the store. If several reapers look in one minute, only the first look is kept.
-- ARGV: minute of the look, look, watch, slot of the minute before, JSON of that minute ('' if not known), slot of the
--       hosts in that minute, JSON of these hosts, seconds to keep all this.
-- Returns 1 if the look was kept, otherwise 0.
local key = 'farm:history'
if redis.call('HGET', key, 'turn') == ARGV[1] then return 0 end
redis.call('HSET', key, 'turn', ARGV[1], 'look', ARGV[2], 'watch', ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', key, ARGV[4], ARGV[5], ARGV[6], ARGV[7]) end
redis.call('EXPIRE', key, ARGV[8])
return 1
