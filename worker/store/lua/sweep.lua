-- Remove what ended before a time: jobs with all that is theirs, told deliveries, old events. Jobs
-- that have not ended stay, and so do those with a delivery that is pending, or dead and to be told
-- again.
-- KEYS[1]  the root of every key
-- ARGV[2]  the time in ms
-- ARGV[3]  most jobs and deliveries to look at now
-- ARGV[4]  how many of the oldest jobs to pass by: an earlier look found that they stay
-- Returns  how many deliveries were looked at on their own, jobs removed, jobs that stay
-- uses: deliveries

local before, most, pass = ARGV[2], ARGV[3], ARGV[4]
local last = redis.call('XREVRANGE', keys.events(), '(' .. before .. '-0', '-', 'COUNT', 1)
if last[1] then
  redis.call('SET', keys.trimmed(), last[1][1])  -- readers of the log behind it missed something
  redis.call('XTRIM', keys.events(), 'MINID', before)
end

local function remove_delivery(id)
  local held = redis.call('HMGET', keys.delivery(id), 'job', 'handler', 'state')
  if held[1] then
    redis.call('SREM', keys.deliveries_of_job(held[1]), id)
    list_delivery(id, held[2], held[3], nil)
  end
  redis.call('DEL', keys.delivery(id))
  redis.call('ZREM', keys.told(), id)
end

-- What is in `told` needs nobody any more: done, superseded, or dead for good.
local function somebody_waits(ids)
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', keys.delivery(id), 'state')
    if state == 'pending' then return true end
    if state == 'dead' and not redis.call('ZSCORE', keys.told(), id) then return true end
  end
  return false
end

local function remove_job(job, ids)
  for _, id in ipairs(ids) do remove_delivery(id) end
  local key = keys.job(job)
  local held = redis.call('HMGET', key, 'model', 'state', 'n', 'tenant')
  redis.call('ZREM', keys.ended(), job)
  redis.call('ZREM', keys.jobs(), job)
  redis.call('SREM', keys.unreadable(), job)
  if held[1] then
    redis.call('ZREM', keys.jobs_of_model(held[1]), job)
    redis.call('ZREM', keys.jobs_in_state(held[2]), job)
    if held[4] then redis.call('ZREM', keys.jobs_of_tenant(held[4]), job) end
    for n = 1, tonumber(held[3]) do
      local attempt = job .. '/' .. n
      redis.call('DEL', keys.raw(attempt), keys.unread(attempt), keys.heard(attempt))
    end
  end
  redis.call('DEL', key, keys.timeline(job), keys.deliveries_of_job(job))
end

local told = redis.call('ZRANGEBYSCORE', keys.told(), '-inf', before, 'LIMIT', 0, most)
for _, id in ipairs(told) do remove_delivery(id) end
local ended = redis.call('ZRANGEBYSCORE', keys.ended(), '-inf', before, 'LIMIT', pass, most)
local looked, removed, stay = 0, 0, 0
for _, job in ipairs(ended) do
  if looked > policy.SWEPT_DELIVERIES then break end
  local ids = redis.call('SMEMBERS', keys.deliveries_of_job(job))
  looked = looked + #ids
  if somebody_waits(ids) then
    stay = stay + 1
  else
    remove_job(job, ids)
    removed = removed + 1
  end
end
return {#told, removed, stay}
