-- Have jobs listed as their records say: what an older process made or moved is not. Nor did that
-- process call those who wait for a job that it ended, or count it in its group.
-- KEYS[1]  the root of every key
-- ARGV[2...]  jobs, each with the tenant that it gets if it says none
-- Returns  how many jobs were listed wrongly
-- uses: time, states, wakeups, jobs, waiting, groups

local wrong = 0
for i = 2, #ARGV, 2 do
  local job = ARGV[i]
  local held = redis.call('HMGET', keys.job(job), 'state', 'model', 'tenant', 'group')
  -- One that gave its slot back stands in no list.
  if held[1] and redis.call('SISMEMBER', keys.unreadable(), job) == 0 then
    local changed = held[3] and relist_job(job, held[1], held[2], held[3])
      or adopt(job, ARGV[i + 1])
    if changed > 0 then
      wrong = wrong + 1
      if ENDED[held[1]] then call_waiters(job) end
      move_in_group(job, held[1], held[3], held[4])
    end
  end
end
return answer(text(wrong))
