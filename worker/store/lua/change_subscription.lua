-- Write a subscription if nobody changed it meanwhile, and have its outbox looked at.
-- ARGV[2]  subscription   ARGV[3]  the revision it was read at, 0: it is new   ARGV[4]  {{field, value}, ...}
-- ARGV[5]  {event types that somebody wants now}   ARGV[6]  the change's own id
-- Returns  "done" | "stale" (read it again)
local id, key = ARGV[2], root .. 'subscription:' .. ARGV[2]
if redis.call('HGET', key, 'change') == ARGV[6] then return answer('done') end  -- asked again
if (tonumber(redis.call('HGET', key, 'rev')) or 0) ~= tonumber(ARGV[3]) then return answer('stale') end
for _, pair in ipairs(cjson.decode(ARGV[4])) do redis.call('HSET', key, pair[1], pair[2]) end
redis.call('HINCRBY', key, 'rev', 1)
redis.call('HSET', key, 'change', ARGV[6])
redis.call('ZADD', root .. 'subscriptions', 0, id)
for _, kind in ipairs(cjson.decode(ARGV[5])) do redis.call('SADD', root .. 'wanted', kind) end
redis.call('DEL', root .. 'endpoint:' .. id)
stir('subscribers', id)
return answer('done')
