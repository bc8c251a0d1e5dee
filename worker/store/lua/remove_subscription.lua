-- Remove a subscription; its slot then ends what it was still to be told.
-- KEYS[1]  the root of every key
-- ARGV[2]  subscription
-- Returns  "done" | "gone" (there is none)
-- uses: audience, wakeups, duties, places

local id = ARGV[2]
if redis.call('DEL', keys.subscription(id)) == 0 then return answer('gone') end
redis.call('ZREM', keys.subscriptions(), id)
audience_changed(id)
redis.call('DEL', keys.endpoint(id), keys.missed(id))
for k = 1, slots_of('subscribers') do stop_waiting('subscribers', id .. '/' .. k) end
wake('subscribers', id .. '/1', 0)
return answer('done')
