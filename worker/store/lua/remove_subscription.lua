-- Remove a subscription; its slot then ends what it was still to be told.
-- ARGV[2]  subscription
-- Returns  "done" | "gone" (there is none)
local id = ARGV[2]
if redis.call('DEL', root .. 'subscription:' .. id) == 0 then return answer('gone') end
redis.call('ZREM', root .. 'subscriptions', id)
redis.call('DEL', root .. 'endpoint:' .. id, root .. 'missed:' .. id)
for k = 1, slots_of('subscribers') do stop_waiting('subscribers', id .. '/' .. k) end
wake('subscribers', id .. '/1', 0)
return answer('done')
