-- Redis has lost writes: stop the line, say so, and let the fence go on above all that was given
-- out.
-- KEYS[1]  the root of every key
-- ARGV[2]  the process that noticed
-- ARGV[3]  the highest token that it was given
-- ARGV[4]  why the line stops
-- ARGV[5]  the alert
-- Returns  "stopped" | "known" (another process noticed before), the loss, named by the fence
--          behind it
-- uses: time, fence, wakeups, events

local line = keys.queue_settings()
local last = redis.call('HGET', line, 'losses') or '0'
if not went_back(ARGV[2], ARGV[3]) then return answer('known', last) end
set_mark(ARGV[2], ARGV[3])
-- A loss is named above all tokens that were given before it: this is the one that was noticed,
-- also when the line's owner has had it go on since.
if tonumber(last) > tonumber(ARGV[3]) then return answer('known', last) end
local fence = tonumber(redis.call('GET', keys.fence())) or 0
local behind = text(math.max(fence, tonumber(ARGV[3])) + policy.FENCE_AHEAD)
redis.call('SET', keys.fence(), behind)
redis.call('HSET', line, 'paused', '1', 'why', ARGV[4], 'losses', behind)
alert('redis', ARGV[5])
return answer('stopped', behind)
