-- Compares the version of the state with that of these scripts. The state's version is that of the newest release that
-- has entered the store.
-- ARGV: 'enter' | 'look'
-- Returns {version of the state, version of these scripts}.
local kept = redis.call('GET', 'farm:schema')
-- State without a version is that of release 0.1.0; where there is no state, any release may begin.
local found = tonumber(kept) or (redis.call('EXISTS', 'farm:environments', 'farm:totals') > 0 and 1 or SCHEMA)
local may_work = math.abs(found - SCHEMA) <= 1
if ARGV[1] == 'enter' and may_work and (not kept or found < SCHEMA) then redis.call('SET', 'farm:schema', SCHEMA) end
return {found, SCHEMA}
