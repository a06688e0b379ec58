-- Turns a staged batch into a real one, at once.
-- ARGV: batch, owner, environment, class, total, weight, options, retention_s, reply, idempotency key or '', body hash, deadline_ms or '',
--       canaries in the total, whether it is listed (1|0), traceparent or ''
-- Returns {batch, tokens to publish, 'new' | 'known' | 'conflict' | 'paused'}.
local batch, owner, env, class = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = now_ms()
-- Who waits for the answer would wait for an operator.
if ARGV[9] ~= '' and redis.call('HEXISTS', 'farm:paused', owner) == 1 then return {batch, 0, 'paused'} end
if ARGV[10] ~= '' then
  local key = 'farm:idempotency:' .. owner .. ':' .. ARGV[10]
  local seen = redis.call('HMGET', key, 'body', 'batch')
  if seen[1] and seen[2] ~= batch then return {seen[2], 0, seen[1] == ARGV[11] and 'known' or 'conflict'} end
  redis.call('HSET', key, 'body', ARGV[11], 'batch', batch)
  redis.call('EXPIRE', key, ARGV[8])
end
local b = 'farm:batch:' .. batch
-- Sent twice, because the first reply got lost.
if redis.call('EXISTS', b) == 1 then return {batch, tokens_wanted(env, now), 'new'} end
for _, key in ipairs(batch_keys(batch)) do redis.call('PERSIST', key) end
redis.call('ZREM', 'farm:expiries', batch)
redis.call('HSET', b, 'owner', owner, 'environment', env, 'class', class, 'state', 'queued', 'total', ARGV[5],
  'done', 0, 'accepted', 0, 'rejected', 0, 'undecided', 0, 'weight', ARGV[6], 'options', ARGV[7], 'created_ms', now,
  'retention_s', ARGV[8], 'reply', ARGV[9], 'cancelled', 0, 'canaries', ARGV[13], 'canaries_done', 0)
if ARGV[15] ~= '' then redis.call('HSET', b, 'trace', ARGV[15]) end
if ARGV[14] == '1' then
  redis.call('ZADD', 'farm:batches', now, owner .. '/' .. batch)
  redis.call('ZADD', 'farm:batches:' .. owner, now, batch)
end
-- What waits in it keeps it known: it may have been forgotten since the API looked.
redis.call('ZADD', 'farm:environments', 'NX', now, env)
if ARGV[12] ~= '' then redis.call('ZADD', 'farm:deadlines', now + ARGV[12], batch) end
local place = {environment = env, class = class, owner = owner}
for _, lane in ipairs(redis.call('SMEMBERS', b .. ':lanes')) do
  redis.call('PERSIST', 'farm:pending:' .. lane .. ':' .. batch)
  open_lane(place, lane, batch, now)
end
redis.call('HINCRBY', 'farm:counts:' .. env, 'pending', ARGV[5])
return {batch, tokens_wanted(env, now), 'new'}
