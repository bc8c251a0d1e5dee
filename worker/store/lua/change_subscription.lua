-- Write a subscription if nobody changed it meanwhile, and have its outbox looked at.
-- KEYS[1]  the root of every key
-- ARGV[2]  subscription
-- ARGV[3]  the revision it was read at, 0: it is new
-- ARGV[4]  {{field, value}, ...}
-- ARGV[5]  {event types that somebody wants now}
-- ARGV[6]  the change's own id
-- Returns  "done" | "stale" (read it again)
-- uses: wakeups, audience, deliveries

local id, key = ARGV[2], keys.subscription(ARGV[2])
if redis.call('HGET', key, 'change') == ARGV[6] then return answer('done') end  -- asked again
local rev = tonumber(redis.call('HGET', key, 'rev')) or 0
if rev ~= tonumber(ARGV[3]) then return answer('stale') end
for _, pair in ipairs(cjson.decode(ARGV[4])) do redis.call('HSET', key, pair[1], pair[2]) end
redis.call('HINCRBY', key, 'rev', 1)
redis.call('HSET', key, 'change', ARGV[6])
redis.call('ZADD', keys.subscriptions(), 0, id)
audience_changed(ARGV[6])
for _, kind in ipairs(cjson.decode(ARGV[5])) do redis.call('SADD', keys.wanted(), kind) end
redis.call('DEL', keys.endpoint(id))
stir('subscribers', id)
return answer('done')
