-- Write down how an attempt to tell a handler went. A holder whose lease ran out is heard too: what
-- the handler answered is a fact.
-- ARGV[2]  {delivery, lane, token, n, state, after}: after is ms to the next attempt, negative: none
-- ARGV[3]  the attempt   ARGV[4]  note
-- Returns  "done" | "ended" (somebody else ended it before)
local order = cjson.decode(ARGV[2])
local key = root .. 'delivery:' .. order.delivery
local held = redis.call('HMGET', key, 'state', 'job', 'event')
if held[1] ~= 'pending' then
  finish(order.lane, order.delivery, order.token, -1)
  return answer('ended')
end
redis.call('HSET', key, 'state', order.state, 'try:' .. order.n, ARGV[3])
note(held[2], ARGV[4])
if order.state == 'dead' then
  -- The event stream is trimmed by time; a dead delivery keeps what it would be told again with.
  local event = redis.call('XRANGE', root .. 'events', held[3], held[3])
  if event[1] then redis.call('HSET', key, 'kept', cjson.encode(event[1][2])) end
elseif order.state ~= 'pending' then
  redis.call('ZADD', root .. 'told', now, order.delivery)
end
if order.state ~= 'pending' then redis.call('ZREM', root .. 'due:' .. order.lane, order.delivery) end
local word = finish(order.lane, order.delivery, order.token, order.after)
if word == 'stale' and order.state ~= 'pending' then
  redis.call('HDEL', root .. 'claims:' .. order.lane, order.delivery)
end
return answer('done')
