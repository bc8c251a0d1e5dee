-- Write down how attempts to tell a handler went, and let its slot go on with the next. A holder whose
-- lease ran out is heard too: what the handler answered is a fact.
-- KEYS[1]  the root of every key
-- ARGV[2]  {lane, handler, slot, token, told, left, rev, health, disabled, alert, closing}
--          told: the deliveries that were told, in their order, each {id, n, state, after}: after is
--          the ms to the next attempt, negative: none
--          left: those that were not, each {id, after}: after is ms until it is tried again, 0: as
--          if it had not been taken
--          health: {field, value, ...} of how telling the handler goes now, decided on revision
--          `rev` of it; none: it stays as it is. A handler of ours has no rev: it is only quick or
--          slow, and whoever says so last is right
--          disabled, alert: why a subscription is told nothing any more, and what an alert says of
--          it
--          closing: the end of the slot's claim (lib/closing); when it looks again is decided here.
--          None: the slot goes on with what it still has in hand
-- ARGV[3...]  the attempts of those that were told
-- Returns  "done" | "ended" (somebody else ended one before) | "disabled" (and recorded)
--          | "stale", the health as fields and values: decide again; nothing was written
--          and behind those two what became of the next duty
-- uses: audience, time, wakeups, duties, events, places, deliveries, claiming, closing
-- uses: bringing_deliveries

local order = cjson.decode(ARGV[2])
local lane, handler, held = order.lane, order.handler, keys.held(order.handler)
local health, subscription = keys.endpoint(handler), keys.subscription(handler)
local by, word = 'by:' .. order.slot, 'done'

local said = redis.call('HMGET', health, by, 'alone')
if said[1] == order.token then  -- asked again
  return answer('done', '', next_of((order.closing or {}).next))
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

-- Whoever takes one when the lease has run out gives its slot and place back by the token; one without
-- a record was forgotten.
local function read(one)
  local found = redis.call('HMGET', keys.delivery(one.id), 'state', 'job', 'event', 'token')
  one.found, one.mine = found, found[4] == order.token or not found[1]
end

-- First, for what frees something is done also where memory has run out, and what follows it.
local function let_go()
  local mine, emptied, count = {}, {}, 0
  for _, one in ipairs(order.told) do mine[one.id] = one.mine end
  for _, one in ipairs(order.left) do mine[one.id] = one.mine end
  local hands = redis.call('HGETALL', held)
  for i = 1, #hands, 2 do
    if slot_of(hands[i]) == order.slot then
      count = count + 1
      if mine[hands[i + 1]] then emptied[#emptied + 1] = hands[i] end
    end
  end
  if #emptied > 0 then redis.call('HDEL', held, unpack(emptied)) end
  if #emptied > 0 and #emptied == count then leave_place(lane, handler .. '/' .. order.slot) end
end

local function try_again(one)
  redis.call('HSET', keys.delivery(one.id), 'due', text(now + one.after))
  redis.call('ZADD', keys.outbox(handler), now + one.after, one.id)
end

local heard = {}
local function write_down(one, tried)
  local id, key, found = one.id, keys.delivery(one.id), one.found
  if found[1] ~= 'pending' then
    word = 'ended'
    redis.call('ZREM', keys.outbox(handler), id)  -- else it would be told for ever
    return
  end
  local over = one.state ~= 'pending' and one.state ~= 'dead'
  -- First, for a hash that grew keeps the room it took.
  if over then redis.call('HDEL', key, 'kept', 'due', unpack(one.mine and {'token'} or {})) end
  redis.call('HSET', key, 'state', one.state, 'try:' .. one.n, tried)
  if one.state == 'pending' then return try_again(one) end
  if one.state == 'done' then
    heard[#heard + 1] = id
  else
    redis.call('ZREM', keys.outbox(handler), id)
    list_delivery(id, handler, 'pending', one.state)
  end
  if one.state == 'dead' then return keep_event(key, found[3]) end
  -- Else it goes with its job.
  if redis.call('EXISTS', keys.job(found[2])) == 0 then redis.call('ZADD', keys.told(), now, id) end
end

local function put_back(one)
  if one.found[1] ~= 'pending' or not one.mine then return end
  redis.call('HINCRBY', keys.delivery(one.id), 'begun', -1)
  redis.call('HDEL', keys.delivery(one.id), 'token')
  if one.after > 0 then try_again(one) end
end

for _, one in ipairs(order.told) do read(one) end
for _, one in ipairs(order.left) do read(one) end
let_go()
for i, one in ipairs(order.told) do write_down(one, ARGV[2 + i]) end
for _, one in ipairs(order.left) do put_back(one) end
list_heard(heard, handler)
if order.health then write_health() end
-- After a loss each is told alone (lib/taking), until as many were told.
if said[2] and redis.call('HINCRBY', health, 'alone', -#order.told) <= 0 then
  redis.call('HDEL', health, 'alone')
end
if not order.closing then
  stir(lane, handler)
  return answer(word, '', false)
end

call_waiting(lane)
local after, took = next_look(handler)
order.closing.after, order.closing.short = after or -1, took and is_short(lane, took)
-- Behind a full row a whole round has gathered already, and one that is told alone has no row to gather.
local following = order.closing.next
local ends = #order.told == policy.TOLD_IN_A_ROW or said[2] or not order.closing.short
if ends and after == 0 and following and following.round then following.round = text(now) end
return answer(word, '', put_down(order.closing))
