-- Corrects the count of tokens, and returns how many tokens to publish in place of lost ones. If the count of waiting
-- items is 0 although items wait, or above 0 although none waits, corrects this count too. Removes killed processes
-- from the lists of live processes. A token counts as lost if work waits while processes are idle, both now and at the
-- last call. The reaper of each host calls this script, so only the first of several calls in quick succession does
-- anything.
-- ARGV: environment, ms between calls. Returns how many tokens to publish.
local env, now, every_ms = ARGV[1], now_ms(), tonumber(ARGV[2])
local since = now - number_at('farm:looked:' .. env)
if since >= 0 and since < every_ms / 2 then return 0 end
redis.call('SET', 'farm:looked:' .. env, now, 'PX', LOOK_KEPT_MS)

-- Returns how many items can be claimed.
local function count_claimable()
  local found = 0
  for _, class in ipairs(CLASSES) do
    for _, owner in ipairs(redis.call('ZRANGE', owners_key(env, class), 0, -1)) do
      local place = {environment = env, class = class, owner = owner}
      for _, lane in ipairs(redis.call('ZRANGE', ready_key(place), 0, -1)) do
        for _, batch in ipairs(redis.call('ZRANGE', queue_key(place, lane), 0, -1)) do
          found = found + redis.call('LLEN', 'farm:pending:' .. lane .. ':' .. batch)
        end
      end
    end
  end
  return found
end

for _, key in ipairs({'farm:workers', 'farm:workers:' .. env}) do redis.call('ZREMRANGEBYSCORE', key, '-inf', now - 1) end

-- Whether no item waits. The items of a paused owner, or of a cancelled batch, wait although none of them can be claimed.
local function nothing_waits()
  if has_ready(env, 'interactive') or has_ready(env, 'batch') then return false end
  return redis.call('EXISTS', 'farm:paused', 'farm:cancelling') == 0
end

local pending = tonumber(redis.call('HGET', 'farm:counts:' .. env, 'pending') or 0)
if pending <= 0 then
  -- A count that is too low would hide these items for ever. Earlier releases left such a count behind when a
  -- submission was sent twice.
  pending = count_claimable()
  if pending > 0 then redis.call('HSET', 'farm:counts:' .. env, 'pending', pending) end
elseif nothing_waits() then
  -- A count that is too high would ask for tokens for ever. Earlier releases left such a count behind when a batch was
  -- deleted just after its commit.
  pending = 0
  redis.call('HSET', 'farm:counts:' .. env, 'pending', pending)
end
local working = busy(env, 'interactive', now) + busy(env, 'batch', now)
local useful = useful_processes(env, now)
if pending <= 0 then
  redis.call('DEL', 'farm:idle:' .. env)
  -- If nothing waits, every process that is not working has spent its token.
  if useful > 0 then believe(env, working) end
  return 0
end
local idle = math.max(0, useful - working)
local lost = math.min(idle, number_at('farm:idle:' .. env), pending)
redis.call('SET', 'farm:idle:' .. env, idle, 'PX', LOOK_KEPT_MS)
if lost > 0 then
  believe(env, working + lost)
else
  -- Each working process holds a token, and at most one token for each useful process is wanted.
  believe(env, math.max(working, math.min(number_at('farm:tokens:' .. env), math.max(1, useful))))
end
return ring(env, lost, now)
