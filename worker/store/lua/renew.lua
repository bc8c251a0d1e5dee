-- Hold a duty longer.
-- ARGV[2]  lane   ARGV[3]  id   ARGV[4]  token   ARGV[5]  lease in ms from now
-- Returns  "done" | "stale"
if not holds(ARGV[2], ARGV[3], ARGV[4]) then return {'stale'} end
redis.call('ZADD', root .. 'due:' .. ARGV[2], now + tonumber(ARGV[5]), ARGV[3])
return {'done'}
