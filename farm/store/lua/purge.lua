-- Deletes kept verdicts. Each call looks at a part of them.
-- ARGV: toolchain or '', policy or '', checker or '', cursor; '' matches any.
-- Returns {next cursor, how many were deleted}. After the last call the cursor is '0'.
local reply = redis.call('ZSCAN', 'farm:verdicts', ARGV[4], 'COUNT', 500)
local forgotten = 0
for i = 1, #reply[2], 2 do
  local member = reply[2][i]
  local toolchain, policy, checker = string.match(member, '^([^|]*)|([^|]*)|([^|]*)|')
  local wanted = (ARGV[1] == '' or toolchain == ARGV[1]) and (ARGV[2] == '' or policy == ARGV[2])
  if wanted and (ARGV[3] == '' or checker == ARGV[3]) then
    count('cache_bytes', -redis.call('STRLEN', 'farm:verdict:' .. member) - ENTRY_BYTES)
    redis.call('UNLINK', 'farm:verdict:' .. member)
    redis.call('ZREM', 'farm:verdicts', member)
    forgotten = forgotten + 1
  end
end
return {reply[1], forgotten}
