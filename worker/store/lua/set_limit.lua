-- How many tasks the key may have in flight, as RunningHub says.
-- KEYS[1]  the root of every key
-- ARGV[2]  the limit
-- Returns  "done"
-- uses: time, wakeups, duties

local known = redis.call('HGET', keys.queue_settings(), 'limit')
redis.call('HSET', keys.queue_settings(), 'limit', ARGV[2], 'at', text(now))
if known ~= ARGV[2] then wake('line', 'line', 0) end
return answer('done')
