-- Put a receiver's next delivery into the hand of one of its slots.
-- KEYS[1]  the root of every key
-- ARGV[2]  an order as lib/taking has it
-- Returns  as there, and the delivery's record
-- uses: wakeups, taking

local word, what, begun, health = take_delivery(cjson.decode(ARGV[2]))
local record = word == 'take' and redis.call('HGETALL', keys.delivery(what)) or {}
return answer(word, what, begun, health, record)
