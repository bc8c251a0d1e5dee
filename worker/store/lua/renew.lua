-- Hold a duty longer.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  id
-- ARGV[4]  token
-- ARGV[5]  lease in ms from now
-- Returns  "done" | "stale"
-- uses: time, duties

if not holds(ARGV[2], ARGV[3], ARGV[4]) then return {'stale'} end
redis.call('ZADD', keys.due(ARGV[2]), now + tonumber(ARGV[5]), ARGV[3])
return {'done'}
