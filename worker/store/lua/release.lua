-- Let parked duties have one more try each. A job that had its slot taken counts for that time.
-- ARGV[2]  lane   ARGV[3...]  duties
-- Returns  how many there were
local lane, released = ARGV[2], 0
for i = 3, #ARGV do
  if redis.call('HDEL', root .. 'parked:' .. lane, ARGV[i]) == 1 then
    local job = ARGV[i]:match('^[^/]*')
    count_again(job, redis.call('HGET', root .. 'job:' .. job, 'state'))
    wake(lane, ARGV[i], 0)
    released = released + 1
  end
end
return answer(text(released))
