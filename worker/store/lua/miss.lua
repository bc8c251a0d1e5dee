-- Remember an event for receivers whose record cannot be read, and have somebody look whether it can be.
-- What the log has trimmed meanwhile is forgotten here too.
-- ARGV[2]  the event's entry   ARGV[3]  ms until the next look   ARGV[4...]  receivers
-- Returns  "done"
local trimmed = redis.call('GET', root .. 'trimmed')
for i = 4, #ARGV do
  local missed, duty = root .. 'missed:' .. ARGV[i], 'missed/' .. ARGV[i]
  if trimmed then redis.call('ZREMRANGEBYSCORE', missed, '-inf', trimmed:match('^%d+')) end
  redis.call('ZADD', missed, ARGV[2]:match('^%d+'), ARGV[2])
  if redis.call('HEXISTS', root .. 'parked:fanout', duty) == 0 then
    wake('fanout', duty, tonumber(ARGV[3]))
  end
end
return answer('done')
