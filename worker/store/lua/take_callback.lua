-- Keep a callback as it came, and have it taken in.
-- ARGV[2]  job   ARGV[3]  attempt   ARGV[4]  the entry, with an id of its own   ARGV[5]  note
-- Returns  "taken" | "stray"
if redis.call('EXISTS', root .. 'job:' .. ARGV[2]) == 0 then
  redis.call('RPUSH', root .. 'strays', ARGV[4])
  redis.call('LTRIM', root .. 'strays', -1000, -1)
  return answer('stray')
end
local duty = ARGV[2] .. '/' .. ARGV[3]
if not redis.call('LPOS', root .. 'raw:' .. duty, ARGV[4]) then
  redis.call('RPUSH', root .. 'raw:' .. duty, ARGV[4])
  note(ARGV[2], ARGV[5])
end
wake('intake', duty, 0)
return answer('taken')
