-- Writes verdicts. The first writer wins; from a lapsed lease an `undecided` is dropped.
-- ARGV: lease, batch, next running index or '', then per verdict: index, outcome, reason, packed verdict
-- Returns {lease alive, interactive work waits, verdicts written}.
local batch, b = ARGV[2], 'farm:batch:' .. ARGV[2]
local now = now_ms()
local lease = read_lease(ARGV[1])
local written = 0
for i = 4, #ARGV, 4 do
  local index, outcome, reason = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local worth = (lease or outcome ~= 'undecided') and redis.call('EXISTS', b) == 1
  if worth and redis.call('HSETNX', b .. ':results', index, ARGV[i + 3]) == 1 then
    written = written + 1
    redis.call('XADD', b .. ':finished', '*', 'i', index)
    redis.call('HINCRBY', b, outcome, 1)
    redis.call('HINCRBY', 'farm:totals', outcome .. ':' .. reason, 1)
  end
  if lease then drop_from_lease(lease, index) end
end
if written > 0 then
  local done = redis.call('HINCRBY', b, 'done', written)
  if done >= tonumber(redis.call('HGET', b, 'total')) then complete_batch(batch, now) end
end
local waits = 0
if lease then
  redis.call('HSET', 'farm:lease:' .. lease.id, 'running', ARGV[3])
  if lease.class == 'batch' and has_ready(lease.environment, 'interactive') then waits = 1 end
  if redis.call('EXISTS', 'farm:lease:' .. lease.id .. ':items') == 0 then end_lease(lease) end
end
return {lease and 1 or 0, waits, written}
