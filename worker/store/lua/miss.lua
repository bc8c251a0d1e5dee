-- Remember an event for receivers whose record cannot be read, and have somebody look whether it
-- can be. What the log has trimmed meanwhile is forgotten here too.
-- KEYS[1]  the root of every key
-- ARGV[2]  the event's entry
-- ARGV[3]  ms until the next look
-- ARGV[4...]  receivers
-- Returns  "done"
-- uses: wakeups, duties

local trimmed = redis.call('GET', keys.trimmed())
for i = 4, #ARGV do
  local missed, duty = keys.missed(ARGV[i]), 'missed/' .. ARGV[i]
  if trimmed then redis.call('ZREMRANGEBYSCORE', missed, '-inf', trimmed:match('^%d+')) end
  redis.call('ZADD', missed, ARGV[2]:match('^%d+'), ARGV[2])
  if redis.call('HEXISTS', keys.parked('fanout'), duty) == 0 then
    wake('fanout', duty, tonumber(ARGV[3]))
  end
end
return answer('done')
