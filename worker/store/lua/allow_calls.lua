-- Count calls to RunningHub that a job's callbacks cause, if so many more may be made within some
-- time. Sent again because its answer was lost it counts them twice: fewer are made then, never
-- more. `asked:<job>` has the time of each call, the latest first.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  how many
-- ARGV[4]  the most
-- ARGV[5]  within so many ms
-- Returns  ms to wait; 0: they are counted
-- uses: time

local key, calls = keys.asked(ARGV[2]), tonumber(ARGV[3])
local most, within = tonumber(ARGV[4]), tonumber(ARGV[5])
local hindrance = redis.call('LINDEX', key, most - calls)
local wait = hindrance and math.min(tonumber(hindrance) + within - now, within) or 0
if wait > 0 then return math.ceil(wait) end
for _ = 1, calls do redis.call('LPUSH', key, text(now)) end
redis.call('LTRIM', key, 0, most - 1)
redis.call('PEXPIRE', key, within)
return 0
