-- Put a posted duty off, because its lane has no room. One that is held or waits stays as it is.
-- ARGV[2]  lane   ARGV[3]  id   ARGV[4]  ms
-- Returns  "done"
local claims = root .. 'claims:' .. ARGV[2]
if redis.call('HGET', claims, ARGV[3]) == 'p' then
  redis.call('HDEL', claims, ARGV[3])
  redis.call('ZADD', root .. 'due:' .. ARGV[2], 'XX', now + tonumber(ARGV[4]), ARGV[3])
end
return {'done'}
