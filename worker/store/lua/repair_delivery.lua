-- Make a delivery's places right, and give one that is pending its turn again.
-- KEYS[1]  the root of every key
-- ARGV[2]  delivery
-- Returns  how many places were wrong
-- uses: time, places, deliveries

local id = ARGV[2]
local found = redis.call('HMGET', keys.delivery(id), 'state', 'handler', 'lane', 'begun')
local state, handler, lane = found[1], found[2], found[3]
if not state then return 0 end
local wrong = redis.call('ZADD', keys.deliveries_of(handler, state), 0, id)
  + redis.call('ZADD', keys.receivers(), 0, handler)
list_as_before(id, nil, state)
if state ~= 'pending' then
  return wrong + redis.call('ZREM', keys.outbox(handler), id)
end
wrong = wrong + redis.call('ZADD', keys.outbox(handler), 'NX', now, id)
for k = 1, slots_of(lane) do
  if redis.call('ZSCORE', keys.due(lane), handler .. '/' .. k) then return wrong end
end
stir(lane, handler)
return wrong + 1
