-- Remove a subscription; its slot then ends what it was still to be told.
-- ARGV[2]  subscription
-- Returns  "done" | "gone" (there is none)
local id = ARGV[2]
if redis.call('DEL', root .. 'subscription:' .. id) == 0 then return answer('gone') end
redis.call('ZREM', root .. 'subscriptions', id)
redis.call('DEL', root .. 'endpoint:' .. id, root .. 'failing:' .. id)
wake('subscribers', id .. '/1', 0)
return answer('done')
