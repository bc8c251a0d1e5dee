-- Write down how an attempt to tell a handler went, and let its slot go on with the next. A holder
-- whose lease ran out is heard too: what the handler answered is a fact.
-- KEYS[1]  the root of every key
-- ARGV[2]  {delivery, lane, handler, slot, token, n, state, after, rev, health, disabled, alert}
--          after: ms to the next attempt, negative: none
--          health: {field, value, ...} of how telling the handler goes now, decided on revision
--          `rev` of it; none: it stays as it is. A handler of ours has no rev: it is only quick or
--          slow, and whoever says so last is right
--          disabled, alert: why a subscription is told nothing any more, and what an alert says of
--          it
--          closing: the end of the slot's claim (lib/closing); when it looks again is decided here
-- ARGV[3]  the attempt
-- Returns  "done" | "ended" (somebody else ended it before) | "disabled" (and recorded)
--          | "stale", the health as fields and values: decide again; nothing was written
--          and behind those two what became of the next duty
-- uses: audience, time, wakeups, events, places, deliveries, claiming, closing
-- uses: bringing_deliveries

local order = cjson.decode(ARGV[2])
local id, lane, handler = order.delivery, order.lane, order.handler
local key, slot = keys.delivery(id), order.handler .. '/' .. order.slot
local health, subscription = keys.endpoint(handler), keys.subscription(handler)
local by, word = 'by:' .. order.slot, 'done'

if redis.call('HGET', health, by) == order.token then  -- asked again
  return answer('done', '', next_of(order.closing.next))
end
if order.rev and (tonumber(redis.call('HGET', health, 'rev')) or 0) ~= order.rev then
  return answer('stale', cjson.encode(redis.call('HGETALL', health)), false)
end

local function disable()
  if redis.call('HGET', subscription, 'enabled') ~= '1' then return end
  redis.call('HSET', subscription, 'enabled', '0', 'why', order.disabled, 'updated', text(now))
  redis.call('HINCRBY', subscription, 'rev', 1)
  audience_changed(order.token)
  redis.call('DEL', health)
  alert(handler, order.alert)
  word = 'disabled'
end

-- Fields that are not named are none; a handler of ours has none of those.
local function write_health()
  if order.rev then
    if redis.call('EXISTS', subscription) == 0 then return end
    redis.call('HDEL', health, 'since', 'until', 'rest', 'rests', 'asked')
  end
  redis.call('HSET', health, by, order.token, unpack(order.health))
  if order.rev then redis.call('HINCRBY', health, 'rev', 1) end
  if order.disabled then disable() end
end

local held = redis.call('HMGET', key, 'state', 'job', 'event', 'token')
-- Else somebody else took it when the lease had run out; one without a record was forgotten.
local mine = held[4] == order.token or not held[1]
if mine and redis.call('HGET', keys.held(handler), order.slot) == id then
  redis.call('HDEL', keys.held(handler), order.slot)
  leave_place(lane, slot)
end
if held[1] ~= 'pending' then
  word = 'ended'
else
  redis.call('HSET', key, 'state', order.state, 'try:' .. order.n, ARGV[3])
  if order.state == 'pending' then
    redis.call('HSET', key, 'due', text(now + order.after))
    redis.call('ZADD', keys.outbox(handler), now + order.after, id)
  else
    redis.call('ZREM', keys.outbox(handler), id)
    list_delivery(id, handler, 'pending', order.state)
    if order.state == 'dead' then
      keep_event(key, held[3])
    else
      redis.call('HDEL', key, 'kept', 'due')
      -- Else whoever has it in hand by now gives slot and place back by it.
      if mine then redis.call('HDEL', key, 'token') end
      -- Else it goes with its job.
      if redis.call('EXISTS', keys.job(held[2])) == 0 then redis.call('ZADD', keys.told(), now, id) end
    end
  end
end
if order.health then write_health() end

call_waiting(lane)
local after, took = next_look(handler)
order.closing.after, order.closing.short = after or -1, is_short(lane, took)
return answer(word, '', put_down(order.closing))
