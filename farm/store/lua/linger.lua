-- Lets a process count as lingering for a while: the next work of its environment rings for it.
-- ARGV: environment, worker. Returns nothing.
redis.call('ZADD', 'farm:lingering:' .. ARGV[1], now_ms() + LINGER_TTL_MS, ARGV[2])
