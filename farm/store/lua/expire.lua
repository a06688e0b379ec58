-- Frees the storage of a batch that has expired, or of a staging that nobody will commit.
-- ARGV: batch, 'due' (frees a batch whose retention has ended, or an expired staging) | 'now' (frees a staging).
-- Returns 1 if it freed the storage, otherwise 0.
local batch, b = ARGV[1], 'farm:batch:' .. ARGV[1]
local due = redis.call('ZSCORE', 'farm:expiries', batch)
-- If there is no time, the batch was committed, or its storage freed, after the caller had read that it was due.
if ARGV[2] == 'due' and (not due or tonumber(due) > now_ms()) then return 0 end
-- The staging may have been committed although the reply to the commit got lost. A committed batch is not deleted.
if ARGV[2] == 'now' and redis.call('EXISTS', b) == 1 then return 0 end
local v = redis.call('HMGET', 'farm:holding:' .. batch, 'owner', 'items', 'bytes')
if v[1] then hold(batch, v[1], 0 - (v[2] or 0), 0 - (v[3] or 0)) end
for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do redis.call('UNLINK', 'farm:pending:' .. lane .. ':' .. batch) end
redis.call('UNLINK', 'farm:holding:' .. batch, unpack(batch_keys(batch)))
redis.call('ZREM', 'farm:expiries', batch)
if v[1] then
  redis.call('ZREM', 'farm:batches', v[1] .. '/' .. batch)
  redis.call('ZREM', 'farm:batches:' .. v[1], batch)
end
return 1
