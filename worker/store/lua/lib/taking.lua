-- Putting a receiver's next delivery into the hand of one of its slots. The attempt is counted
-- before it runs, so that one which kills its process each time is counted too.
-- uses: time, wakeups, places, deliveries

-- Where the value of a field stands in a hash as Redis answers it.
local function place_in(hash, field)
  for i = 1, #hash, 2 do
    if hash[i] == field then return i + 1 end
  end
  return 0
end

-- Under a claim of the slot.
-- order: {lane, handler, slot, token, me, longest, slow_after}: slot is its number, me the drainer,
-- longest the ms after which an attempt counts as lost, slow_after those after which it counts as slow.
-- Returns  "take", the delivery, how many attempts have begun, the receiver's health as fields and
--          values, the delivery's record
--          | "wait", ms: nothing is due before, or there is no place
--          | "none": nothing to do, or others are at it
local function take_delivery(order)
  local lane, handler, k = order.lane, order.handler, order.slot
  local slot, held = handler .. '/' .. k, keys.held(handler)
  local health = keys.endpoint(handler)

  local function take(id, record, going)
    local begun = record[place_in(record, 'begun')] or '0'
    return 'take', id, begun, cjson.encode(going), record
  end

  local function leave(word, ms)
    stop_waiting(lane, slot)
    call_waiting(lane)
    return word, text(ms or 0)
  end

  local mine = redis.call('HGET', held, k)
  if mine then
    local record = redis.call('HGETALL', keys.delivery(mine))
    if record[place_in(record, 'token')] == order.token then  -- asked again: the answer was lost
      return take(mine, record, redis.call('HGETALL', health))
    end
    redis.call('HDEL', held, k)  -- whoever had it in hand is gone, and did not answer in time
    if lane == 'handlers' or redis.call('EXISTS', keys.subscription(handler)) == 1 then
      redis.call('HSET', health, 'pace', 'slow')
    end
  end
  leave_place(lane, slot)
  local slots = slots_of(lane)
  if tonumber(k) > slots then
    stir(lane, handler)
    return leave('none')
  end

  local going = redis.call('HGETALL', health)
  local function is(field) return going[place_in(going, field)] end
  local till = tonumber(is('until')) or 0
  if till > now then return leave('wait', till - now) end

  local turns, in_hand = next_turns(handler, 2)
  -- An endpoint that rested is tried by one slot at a time until it has heard.
  if is('rest') and in_hand > 0 then return leave('none') end
  local record = turns[1] and redis.call('HGETALL', keys.delivery(turns[1].id))
  -- Redis was put back to an older copy: what is not known cannot be told, and keeps none waiting.
  while record and not record[1] do
    redis.call('ZREM', keys.outbox(handler), turns[1].id)
    turns = next_turns(handler, 2)
    record = turns[1] and redis.call('HGETALL', keys.delivery(turns[1].id))
  end
  local turn, following = turns[1], turns[2]
  if not turn then return leave('none') end
  if turn.due > now then return leave('wait', turn.due - now) end

  -- Whose places this attempt shares: one that has another in hand for long is slow, whatever it
  -- was; one that is new shows with its first attempt what it is.
  local pace = is('pace') or 'new'
  for other = 1, slots do
    local since = redis.call('ZSCORE', keys.slow(lane), handler .. '/' .. other)
    if since and pace == 'new' then return leave('none') end
    if since and tonumber(since) <= now then pace = 'slow' end
  end
  if not has_place(lane, pace) then
    redis.call('ZREM', keys.waiting(lane, pace == 'new' and 'slow' or 'new'), slot)
    redis.call('ZADD', keys.waiting(lane, pace), 'NX', now, slot)
    return 'wait', text(policy.PLACE_LOOK_MS)
  end
  -- Those that hold one already leave the last places to those that hold none.
  if in_hand > 0 and redis.call('ZCARD', keys.telling(lane)) >= share_of(lane .. ':common') then
    return leave('none')
  end

  stop_waiting(lane, slot)
  local slow_from = pace == 'slow' and now or now + order.slow_after
  redis.call('ZADD', keys.telling(lane), now + order.longest, slot)
  redis.call('ZADD', keys.slow(lane), slow_from, slot)
  if pace == 'new' then redis.call('ZADD', keys.unproved(lane), slow_from, slot) end
  redis.call('HSET', held, k, turn.id)
  local at = place_in(record, 'begun')
  if at == 0 then
    record[#record + 1] = 'begun'
    at = #record + 1
  end
  record[at] = text((tonumber(record[at]) or 0) + 1)
  redis.call('HSET', keys.delivery(turn.id), 'token', order.token, 'begun', record[at])
  local took = tonumber(is('took'))
  if following and not is('rest') then
    stir_in(lane, handler, math.max(0, following.due - now), took, tonumber(k))
  end
  -- Who may be away for long stands for no other drainer.
  if lane == 'handlers' and not is_short(lane, took) then
    drain_no_more(lane, order.me)
  end
  return take(turn.id, record, going)
end
