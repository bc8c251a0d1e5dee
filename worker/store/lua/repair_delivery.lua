-- Make a delivery's places right, and give one that is pending its turn again.
-- ARGV[2]  delivery
-- Returns  how many places were wrong
local id = ARGV[2]
local found = redis.call('HMGET', root .. 'delivery:' .. id, 'state', 'handler', 'lane', 'begun')
local state, handler, lane = found[1], found[2], found[3]
if not state then return 0 end
local wrong = redis.call('ZADD', root .. 'deliveries:state:' .. state, 0, id)
  + redis.call('ZADD', root .. 'deliveries:of:' .. handler .. ':' .. state, 0, id)
if state ~= 'pending' then
  return wrong + redis.call('ZREM', root .. 'outbox:' .. handler, id)
end
wrong = wrong + redis.call('ZADD', root .. 'outbox:' .. handler, 'NX', now, id)
for k = 1, slots_of(lane) do
  if redis.call('ZSCORE', root .. 'due:' .. lane, handler .. '/' .. k) then return wrong end
end
stir(lane, handler)
return wrong + 1
