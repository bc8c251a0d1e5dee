-- Put a delivery back that its taker cannot read, as if it had not been taken; a newer process may.
-- Its slot goes on with the next.
-- KEYS[1]  the root of every key
-- ARGV[2]  {delivery, lane, handler, slot, token, after, stays}: after is ms until it is tried again;
--          stays: the slot's claim goes on
-- Returns  "done" | "stale" (somebody else has it)
-- uses: time, wakeups, duties, places, deliveries

local order = cjson.decode(ARGV[2])
local id, lane, handler = order.delivery, order.lane, order.handler
local key, slot, held = keys.delivery(id), handler .. '/' .. order.slot, keys.held(handler)
if not holds(lane, slot, order.token) then return answer('stale') end
if redis.call('HGET', held, order.slot) == id then
  redis.call('HDEL', held, order.slot)
  leave_place(lane, slot)
  redis.call('HINCRBY', key, 'begun', -1)
  redis.call('HSET', key, 'due', text(now + order.after))
  redis.call('ZADD', keys.outbox(handler), 'XX', now + order.after, id)
end
if order.stays then return answer('done') end
return answer(finish(lane, slot, order.token, next_look(handler) or -1))
