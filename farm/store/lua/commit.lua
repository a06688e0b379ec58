-- Turns the staged items into a batch, in one step.
-- ARGV: JSON of batch, owner, environment, class, total (canaries included), weight, options (JSON in a text),
--       retention_s, reply, key (Idempotency-Key) or '', body_hash, deadline_ms or '', canaries (how many),
--       listed (whether the owner's list shows the batch), trace (traceparent) or ''
-- Returns {batch, tokens to publish, 'new' | 'known' | 'conflict' | 'paused' | 'lost'}.
local new = cjson.decode(ARGV[1])
local batch, owner, env, class = new.batch, new.owner, new.environment, new.class
local now = now_ms()
-- A client that waits for the answer would have to wait until an operator ends the pause.
if new.reply ~= '' and redis.call('HEXISTS', 'farm:paused', owner) == 1 then return {batch, 0, 'paused'} end
local b = 'farm:batch:' .. batch
local is_known = redis.call('EXISTS', b) == 1
local lanes = redis.call('SMEMBERS', b .. ':lanes')

-- Whether the staging is whole. If items are missing, a failover has lost a part of them, or the staging was discarded
-- before this call arrived. If a pending list is missing, it has expired. A batch without them would never end.
local function is_whole()
  if redis.call('HLEN', b .. ':items') ~= new.total then return false end
  for _, lane in ipairs(lanes) do
    if redis.call('EXISTS', 'farm:pending:' .. lane .. ':' .. batch) == 0 then return false end
  end
  return true
end

if not is_known and not is_whole() then return {batch, 0, 'lost'} end
if new.key ~= '' then
  local key = 'farm:idempotency:' .. owner .. ':' .. new.key
  local seen = redis.call('HMGET', key, 'body', 'batch')
  -- An older release may have freed the storage of the other batch and left this key.
  if seen[1] and seen[2] ~= batch and redis.call('EXISTS', 'farm:batch:' .. seen[2]) == 1 then
    return {seen[2], 0, seen[1] == new.body_hash and 'known' or 'conflict'}
  end
  redis.call('HSET', key, 'body', new.body_hash, 'batch', batch)
end
-- This commit was sent before, and its reply got lost.
if is_known then return {batch, tokens_wanted(env, now), 'new'} end
redis.call('ZREM', 'farm:expiries', batch)
redis.call('HSET', b, 'owner', owner, 'environment', env, 'class', class, 'state', 'queued', 'total', new.total,
  'done', 0, 'accepted', 0, 'rejected', 0, 'undecided', 0, 'weight', new.weight, 'options', new.options, 'created_ms', now,
  'retention_s', new.retention_s, 'reply', new.reply, 'cancelled', 0, 'canaries', new.canaries, 'canaries_done', 0)
if new.trace ~= '' then redis.call('HSET', b, 'trace', new.trace) end
if new.key ~= '' then redis.call('HSET', b, 'idempotency_key', new.key) end
for _, key in ipairs(batch_keys(batch)) do redis.call('PERSIST', key) end
if new.listed then
  redis.call('ZADD', 'farm:batches', now, owner .. '/' .. batch)
  redis.call('ZADD', 'farm:batches:' .. owner, now, batch)
end
-- Waiting work keeps an environment known; the environment may have been forgotten since the API looked.
redis.call('ZADD', 'farm:environments', 'NX', now, env)
if new.deadline_ms ~= '' then redis.call('ZADD', 'farm:deadlines', now + new.deadline_ms, batch) end
local place = {environment = env, class = class, owner = owner}
for _, lane in ipairs(lanes) do
  redis.call('PERSIST', 'farm:pending:' .. lane .. ':' .. batch)
  open_list(place, lane, batch, now)
end
join(env, class, owner)
redis.call('HINCRBY', 'farm:counts:' .. env, 'pending', new.total)
return {batch, tokens_wanted(env, now), 'new'}
