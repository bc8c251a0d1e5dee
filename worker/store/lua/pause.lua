-- Stop the line or let it go on. What is under way goes on either way.
-- KEYS[1]  the root of every key
-- ARGV[2]  "1" stop | "" go on
-- Returns  "done"
-- uses: wakeups, duties

if ARGV[2] == '1' then
  redis.call('HSET', keys.queue_settings(), 'paused', '1')
else
  redis.call('HDEL', keys.queue_settings(), 'paused', 'why')
  wake('line', 'line', 0)
end
return answer('done')
