-- Count a job in the ledger as its record says, if nobody changed it meanwhile.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its revision when it was read
-- ARGV[4]  what it was booked as then, or empty
-- ARGV[5]  the order for the ledger (lib/ledger)
-- Returns  1: it is booked now | 0: it changed
-- uses: ledger

local held = redis.call('HMGET', keys.job(ARGV[2]), 'rev', 'booked')
if held[1] ~= ARGV[3] or (held[2] or '') ~= ARGV[4] then return 0 end
local order = cjson.decode(ARGV[5])
redis.call('HSET', keys.job(ARGV[2]), 'booked', order.booked)
book(order)
-- A change that was decided on before says what it adds to what was counted then.
redis.call('HINCRBY', keys.job(ARGV[2]), 'rev', 1)
return 1
