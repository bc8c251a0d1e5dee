-- Redis has lost writes: stop the line, say so, and let the fence go on above all that was given out.
-- ARGV[2]  the highest token that a process knows   ARGV[3]  why the line stops   ARGV[4]  the alert
-- Returns  "stopped" | "known" (another process did it), the number of the loss
local line = root .. 'line'
if not went_back(ARGV[2]) then return answer('known', redis.call('HGET', line, 'losses') or '0') end
-- Others may know higher tokens than this process; a thousand million are decades of work.
redis.call('SET', root .. 'fence', text(tonumber(ARGV[2]) + 1e9))
redis.call('HSET', line, 'paused', '1', 'why', ARGV[3])
local loss = redis.call('HINCRBY', line, 'losses', 1)
alert('redis', ARGV[4])
return answer('stopped', text(loss))
