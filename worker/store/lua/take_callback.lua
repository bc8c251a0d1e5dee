-- Keep a callback as it came, and have it taken in.
-- ARGV[2]  job   ARGV[3]  attempt   ARGV[4]  the entry
-- Returns  "taken" | "stray"
if redis.call('EXISTS', root .. 'job:' .. ARGV[2]) == 0 then
  redis.call('RPUSH', root .. 'strays', ARGV[4])
  redis.call('LTRIM', root .. 'strays', -1000, -1)
  return answer('stray')
end
local duty = ARGV[2] .. '/' .. ARGV[3]
redis.call('RPUSH', root .. 'raw:' .. duty, ARGV[4])
wake('intake', duty, 0)
return answer('taken')
