-- Give a pending delivery that nobody has as a duty its duty again.
-- ARGV[2]  delivery   ARGV[3]  lane
-- Returns  1 if it was missing, else 0
local id, lane = ARGV[2], ARGV[3]
if redis.call('HGET', root .. 'delivery:' .. id, 'state') ~= 'pending' then return 0 end
if redis.call('ZSCORE', root .. 'due:' .. lane, id) then return 0 end
wake(lane, id, 0)
return 1
