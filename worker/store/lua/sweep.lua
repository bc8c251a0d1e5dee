-- Remove what ended before a time: jobs with all that is theirs, told deliveries, old events. Jobs that
-- have not ended stay, and so do those with a delivery that is pending, or dead and to be told again.
-- ARGV[2]  the time in ms   ARGV[3]  most jobs and deliveries to look at now
-- ARGV[4]  how many of the oldest jobs to pass by: an earlier look found that they stay
-- Returns  how many deliveries were looked at on their own, jobs removed, jobs that stay
local before, most, pass = ARGV[2], ARGV[3], ARGV[4]
local MOST_DELIVERIES = 5000  -- of jobs looked at in one script, which is some ten ms of Redis
local last = redis.call('XREVRANGE', root .. 'events', '(' .. before .. '-0', '-', 'COUNT', 1)
if last[1] then
  redis.call('SET', root .. 'trimmed', last[1][1])  -- readers of the log behind it missed something
  redis.call('XTRIM', root .. 'events', 'MINID', before)
end

local function remove_delivery(id)
  local held = redis.call('HMGET', root .. 'delivery:' .. id, 'job', 'handler', 'state')
  if held[1] then
    redis.call('SREM', root .. 'deliveries:' .. held[1], id)
    list_delivery(id, held[2], held[3], nil)
  end
  redis.call('DEL', root .. 'delivery:' .. id)
  redis.call('ZREM', root .. 'told', id)
end

-- What is in `told` needs nobody any more: done, superseded, or dead for good.
local function somebody_waits(ids)
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', root .. 'delivery:' .. id, 'state')
    if state == 'pending' then return true end
    if state == 'dead' and not redis.call('ZSCORE', root .. 'told', id) then return true end
  end
  return false
end

local function remove_job(job, ids)
  for _, id in ipairs(ids) do remove_delivery(id) end
  local key = root .. 'job:' .. job
  local held = redis.call('HMGET', key, 'model', 'state', 'n', 'tenant')
  redis.call('ZREM', root .. 'ended', job)
  redis.call('ZREM', root .. 'jobs', job)
  redis.call('SREM', root .. 'unreadable', job)
  if held[1] then
    redis.call('ZREM', root .. 'jobs:model:' .. held[1], job)
    redis.call('ZREM', root .. 'jobs:state:' .. held[2], job)
    if held[4] then redis.call('ZREM', root .. 'jobs:tenant:' .. held[4], job) end
    for n = 1, tonumber(held[3]) do
      for _, kind in ipairs({'raw:', 'unread:', 'heard:'}) do redis.call('DEL', root .. kind .. job .. '/' .. n) end
    end
  end
  redis.call('DEL', key, root .. 'timeline:' .. job, root .. 'deliveries:' .. job)
end

local told = redis.call('ZRANGEBYSCORE', root .. 'told', '-inf', before, 'LIMIT', 0, most)
for _, id in ipairs(told) do remove_delivery(id) end
local ended = redis.call('ZRANGEBYSCORE', root .. 'ended', '-inf', before, 'LIMIT', pass, most)
local looked, removed, stay = 0, 0, 0
for _, job in ipairs(ended) do
  if looked > MOST_DELIVERIES then break end
  local ids = redis.call('SMEMBERS', root .. 'deliveries:' .. job)
  looked = looked + #ids
  if somebody_waits(ids) then
    stay = stay + 1
  else
    remove_job(job, ids)
    removed = removed + 1
  end
end
return {#told, removed, stay}
