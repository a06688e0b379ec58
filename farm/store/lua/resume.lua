-- Has an owner's proofs claimed again. ARGV: owner, environment. Returns {whether it was paused, tokens to publish}.
local owner, env = ARGV[1], ARGV[2]
if redis.call('HDEL', 'farm:paused', owner) == 0 then return {0, 0} end
for _, class in ipairs(CLASSES) do
  if redis.call('EXISTS', ready_key({environment = env, class = class, owner = owner})) == 1 then
    join(owners_key(env, class), owner, tonumber(redis.call('HGET', 'farm:served:' .. env .. ':' .. class, owner)) or 0)
  end
end
return {1, tokens_wanted(env, now_ms())}
