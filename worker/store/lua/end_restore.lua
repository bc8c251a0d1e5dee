-- A restore is over, well or not: take back its marks, and no other restore's.
-- KEYS[1]  the root of every key
-- ARGV[2]  who restores
-- Returns  "ended" (also when this is sent again) | "taken": another restore is at it

local holder = redis.call('GET', keys.restoring())
if holder and holder ~= ARGV[2] then return {'taken'} end
redis.call('DEL', keys.restoring())
if redis.call('GET', keys.restorer()) == ARGV[2] then redis.call('DEL', keys.restorer()) end
return {'ended'}
