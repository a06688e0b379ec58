-- Ends the pause of an owner, so that its proofs can be claimed again in every environment.
-- ARGV: owner. Returns 1 if the owner was paused, otherwise 0.
local owner = ARGV[1]
if redis.call('HDEL', 'farm:paused', owner) == 0 then return 0 end
for _, env in ipairs(environments()) do
  for _, class in ipairs(CLASSES) do
    if redis.call('EXISTS', ready_key({environment = env, class = class, owner = owner})) == 1 then
      join(env, class, owner)
    end
  end
end
return 1
