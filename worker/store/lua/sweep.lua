-- Remove what ended before a time: jobs with all that is theirs, done deliveries, old events. Jobs
-- that have not ended and dead deliveries stay, and so do the jobs of dead deliveries.
-- ARGV[2]  the time in ms   ARGV[3]  most jobs to remove now
-- Returns  how many jobs and deliveries were looked at; as many as allowed means: once more
local before, most = ARGV[2], ARGV[3]
local last = redis.call('XREVRANGE', root .. 'events', '(' .. before .. '-0', '-', 'COUNT', 1)
if last[1] then
  redis.call('SET', root .. 'trimmed', last[1][1])  -- readers of the log behind it missed something
  redis.call('XTRIM', root .. 'events', 'MINID', before)
end
local told = redis.call('ZRANGEBYSCORE', root .. 'told', '-inf', before, 'LIMIT', 0, most)
for _, id in ipairs(told) do
  local held = redis.call('HMGET', root .. 'delivery:' .. id, 'job', 'handler', 'state')
  if held[1] then
    redis.call('SREM', root .. 'deliveries:' .. held[1], id)
    list_delivery(id, held[2], held[3], nil)
  end
  redis.call('DEL', root .. 'delivery:' .. id)
  redis.call('ZREM', root .. 'told', id)
end
local ended = redis.call('ZRANGEBYSCORE', root .. 'ended', '-inf', before, 'LIMIT', 0, most)
for _, job in ipairs(ended) do
  if redis.call('SCARD', root .. 'deliveries:' .. job) > 0 then
    redis.call('ZADD', root .. 'ended', now, job)  -- somebody is still to be told: look again then
  else
    redis.call('ZREM', root .. 'ended', job)
    local key = root .. 'job:' .. job
    local held = redis.call('HMGET', key, 'model', 'state', 'n')
    redis.call('ZREM', root .. 'jobs', job)
    redis.call('ZREM', root .. 'jobs:model:' .. held[1], job)
    redis.call('ZREM', root .. 'jobs:state:' .. held[2], job)
    for n = 1, tonumber(held[3]) do redis.call('DEL', root .. 'raw:' .. job .. '/' .. n) end
    redis.call('DEL', key, root .. 'timeline:' .. job)
  end
end
return math.max(#told, #ended)
