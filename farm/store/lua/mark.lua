-- Marks verdicts: replaces each by the same verdict with a mark. A verdict that has changed since the caller read it
-- stays as it is.
-- ARGV: batch, then per verdict: index, packed verdict as it was read, packed verdict with the mark.
-- Returns how many verdicts it has replaced.
local batch, b = ARGV[1], 'farm:batch:' .. ARGV[1]
local marked, bytes = 0, 0
for i = 2, #ARGV, 3 do
  if redis.call('HGET', b .. ':results', ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', b .. ':results', ARGV[i], ARGV[i + 2])
    marked, bytes = marked + 1, bytes + #ARGV[i + 2] - #ARGV[i + 1]
  end
end
if marked > 0 then
  redis.call('HINCRBY', b, 'revoked', marked)
  hold(batch, redis.call('HGET', b, 'owner'), 0, bytes)
end
return marked
