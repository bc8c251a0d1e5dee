-- Forget a handler that no process has had for some time.
-- KEYS[1]  the root of every key
-- ARGV[2]  handler
-- ARGV[3]  seconds within which a process must have said that it has it, to be alive
-- Returns  "done" | "alive"
-- uses: audience, time, places

local name = ARGV[2]
local row = redis.call('HGET', keys.handlers(), name) or ''
-- A process that has it would have written a broken row anew.
local readable, held = pcall(cjson.decode, row)
local seen = readable and type(held) == 'table' and tonumber(held.seen) or 0
if seen > now / 1000 - tonumber(ARGV[3]) then return {'alive'} end
redis.call('HDEL', keys.handlers(), name)
audience_changed(name)
redis.call('HDEL', keys.handlers_first(), name)
redis.call('DEL', keys.endpoint(name), keys.missed(name))
for k = 1, slots_of('handlers') do
  leave_place('handlers', name .. '/' .. k)
  stop_waiting('handlers', name .. '/' .. k)
end
return {'done'}
