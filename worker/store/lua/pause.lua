-- Stop the line or let it go on. What is under way goes on either way.
-- ARGV[2]  "1" stop | "" go on
-- Returns  "done"
if ARGV[2] == '1' then
  redis.call('HSET', root .. 'line', 'paused', '1')
else
  redis.call('HDEL', root .. 'line', 'paused', 'why')
  wake('line', 'line', 0)
end
return answer('done')
