-- Let parked duties have one more try each. A job that had its slot taken counts for that time.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3...]  duties
-- Returns  how many there were
-- uses: time, wakeups, duties, jobs

local lane, released = ARGV[2], 0
for i = 3, #ARGV do
  if redis.call('HDEL', keys.parked(lane), ARGV[i]) == 1 then
    local job = ARGV[i]:match('^[^/]*')
    count_again(job, redis.call('HGET', keys.job(job), 'state'))
    wake(lane, ARGV[i], 0)
    released = released + 1
  end
end
return answer(text(released))
