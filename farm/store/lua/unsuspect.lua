-- Takes a batch off the suspects when its accepted verdicts have been marked, unless it has got more verdicts meanwhile.
-- ARGV: batch, how many of its items had verdicts before the caller read them ('' if the batch was gone).
if (redis.call('HGET', 'farm:batch:' .. ARGV[1], 'done') or '') == ARGV[2] then
  redis.call('SREM', 'farm:suspects', ARGV[1])
end
