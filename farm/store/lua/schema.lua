-- Returns the schema version of the state in the store and the schema version of these scripts. The version of the
-- state is the version of the newest release that has worked with it.
-- ARGV: 'enter' (also records the version of these scripts, if they may work with the state) | 'look'
-- Returns {version of the state, version of these scripts}.
local kept = redis.call('GET', 'farm:schema')
-- State without a version was written by release 0.1.0. If there is no state, any release may begin.
local found = tonumber(kept) or (redis.call('EXISTS', 'farm:environments', 'farm:totals') > 0 and 1 or SCHEMA)
local may_work = math.abs(found - SCHEMA) <= 1
if ARGV[1] == 'enter' and may_work and (not kept or found < SCHEMA) then redis.call('SET', 'farm:schema', SCHEMA) end
return {found, SCHEMA}
