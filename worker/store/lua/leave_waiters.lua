-- A job that stands among those who wait for another waits no more, or is no more.
-- KEYS[1]  the root of every key
-- ARGV[2]  the other
-- ARGV[3]  the job
-- Returns  "left" | "waits" (it does, after all)

local held = redis.call('HMGET', keys.job(ARGV[3]), 'state', 'waits')
if held[1] == 'queued' and (' ' .. (held[2] or '') .. ' '):find(' ' .. ARGV[2] .. ' ', 1, true) then
  return {'waits'}
end
redis.call('ZREM', keys.waiters(ARGV[2]), ARGV[3])
return {'left'}
