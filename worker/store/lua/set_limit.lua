-- How many tasks the key may have in flight, as RunningHub says.
-- ARGV[2]  the limit
-- Returns  "done"
local known = redis.call('HGET', root .. 'line', 'limit')
redis.call('HSET', root .. 'line', 'limit', ARGV[2], 'at', text(now))
if known ~= ARGV[2] then wake('line', 'line', 0) end
return answer('done')
