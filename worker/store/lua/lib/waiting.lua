-- Jobs that wait for others to end. `waits` of a job's hash names those it waits for, and
-- `waiters:<job>` those that wait for a job: while they do, they stand outside the queue.
-- uses: states, duties

-- Somebody must look at those who wait for a job that has ended, or that is no more.
local function call_waiters(job)
  if redis.call('EXISTS', keys.waiters(job)) == 1 then wake('intake', 'waiters/' .. job, 0) end
end

-- A job waits for these from now on, and for no others.
local function wait_for(job, ids)
  local key = keys.job(job)
  for other in (redis.call('HGET', key, 'waits') or ''):gmatch('%S+') do
    redis.call('ZREM', keys.waiters(other), job)
  end
  if #ids == 0 then
    redis.call('HDEL', key, 'waits')
    return
  end
  redis.call('HSET', key, 'waits', table.concat(ids, ' '))
  for _, other in ipairs(ids) do
    redis.call('ZADD', keys.waiters(other), 0, job)
    local state = redis.call('HGET', keys.job(other), 'state')
    -- It ended while its waiter was decided on.
    if not state or ENDED[state] then call_waiters(other) end
  end
end
