-- Write down how an attempt to tell a handler went, and let its slot go on with the next. A holder whose
-- lease ran out is heard too: what the handler answered is a fact.
-- ARGV[2]  {delivery, lane, handler, slot, token, n, state, after, endpoint}: after is ms to the next
--          attempt, negative: none
--          endpoint: for subscribers, {word, hold, trip, first, last, patience, gone, why, alert}
--            word: "good" | "bad" | "" (says nothing of it); hold: ms that it asks to be left alone
--            trip: so many different deliveries failing in a row open the breaker, for `first` ms,
--            doubling to `last`; failing for `patience` ms disables it, and so does `gone`; `why` and
--            `alert` say it then
-- ARGV[3]  the attempt   ARGV[4]  note
-- Returns  "done" | "ended" (somebody else ended it before) | "disabled" (and recorded)
local order = cjson.decode(ARGV[2])
local id, lane, handler = order.delivery, order.lane, order.handler
local key, slot = root .. 'delivery:' .. id, order.handler .. '/' .. order.slot
local health = root .. 'endpoint:' .. handler
local failing = root .. 'failing:' .. handler
local word = 'done'

local function disable(said)
  local subscription = root .. 'subscription:' .. handler
  if redis.call('HGET', subscription, 'enabled') ~= '1' then return end
  redis.call('HSET', subscription, 'enabled', '0', 'why', said.why, 'updated', text(now))
  redis.call('HINCRBY', subscription, 'rev', 1)
  redis.call('DEL', health, failing)
  local event = redis.call('XADD', root .. 'events', here(), 'v', VERSION, 'subject', handler,
    'type', 'runhook.alert', 'why', said.alert)
  wake('fanout', event, 0)
  word = 'disabled'
end

local function fails(said)
  redis.call('HSETNX', health, 'since', text(now))
  if redis.call('SCARD', failing) < said.trip then redis.call('SADD', failing, id) end
  if redis.call('SCARD', failing) < said.trip then return end
  local held = redis.call('HMGET', health, 'until', 'step', 'since')
  if tonumber(held[3]) + said.patience <= now then return disable(said) end
  if held[2] and tonumber(held[1]) > now then return end  -- begun before the breaker opened
  local step = held[2] and math.min(2 * tonumber(held[2]), said.last) or said.first
  redis.call('HSET', health, 'until', text(now + step), 'step', text(step))
end

-- It answers again. That it asked to be left alone, in answer to another delivery, still counts.
local function heal()
  local asked = not redis.call('HGET', health, 'step')
    and tonumber(redis.call('HGET', health, 'until') or 0) > now
  if asked then redis.call('HDEL', health, 'since') else redis.call('DEL', health) end
  redis.call('DEL', failing)
end

local function hear(said)
  if redis.call('EXISTS', root .. 'subscription:' .. handler) == 0 then return end
  if said.word == 'good' then heal() end
  if said.gone then return disable(said) end
  if said.word == 'bad' then fails(said) end
  if said.hold > 0 and word ~= 'disabled' then
    local till = tonumber(redis.call('HGET', health, 'until')) or 0
    redis.call('HSET', health, 'until', text(math.max(till, now + said.hold)))
  end
end

local held = redis.call('HMGET', key, 'state', 'job', 'event')
if redis.call('HGET', root .. 'held:' .. handler, order.slot) == id then
  redis.call('HDEL', root .. 'held:' .. handler, order.slot)
end
if held[1] ~= 'pending' then
  word = 'ended'
else
  redis.call('HSET', key, 'state', order.state, 'try:' .. order.n, ARGV[3])
  if held[2] ~= '' then note(held[2], ARGV[4]) end
  if order.state == 'pending' then
    redis.call('HSET', key, 'due', text(now + order.after))
    redis.call('ZADD', root .. 'outbox:' .. handler, now + order.after, id)
  else
    redis.call('ZREM', root .. 'outbox:' .. handler, id)
    list_delivery(id, handler, 'pending', order.state)
    if order.state == 'dead' then
      keep_event(key, held[3])
    else
      redis.call('HDEL', key, 'kept')
      redis.call('ZADD', root .. 'told', now, id)
    end
  end
  if order.endpoint then hear(order.endpoint) end
end

finish(lane, slot, order.token, next_look(handler) or -1)
return answer(word)
