-- Putting a receiver's next delivery into the hand of one of its slots. The attempt is counted
-- before it runs, so that one which kills its process is counted too.
-- uses: time, duties, places, deliveries

-- order: {lane, handler, slot, token, longest, slow_after}: slot is its number, longest the ms after
-- which an attempt counts as lost, slow_after those after which it counts as slow.
-- Returns  "take", the delivery, how many attempts have begun, the receiver's health as fields and
--          values
--          | "wait", ms: nothing is due before, or there is no place
--          | "none": nothing to do, or others are at it
local function take_delivery(order)
  local lane, handler, k = order.lane, order.handler, order.slot
  local slot, held = handler .. '/' .. k, keys.held(handler)
  local health = keys.endpoint(handler)
  if not holds(lane, slot, order.token) then return 'none', '0', '0', '' end

  local function take(id, begun)
    return 'take', id, begun, cjson.encode(redis.call('HGETALL', health))
  end

  local function leave(word, ms)
    stop_waiting(lane, slot)
    call_waiting(lane)
    return word, text(ms or 0), '0', ''
  end

  -- Whose places this attempt shares: one that has another in hand for long is slow, whatever it
  -- was; one that is new shows with its first attempt what it is.
  local function pace_now()
    local pace = redis.call('HGET', health, 'pace') or 'new'
    for other = 1, slots_of(lane) do
      local since = redis.call('ZSCORE', keys.slow(lane), handler .. '/' .. other)
      if since and pace == 'new' then return nil end
      if since and tonumber(since) <= now then pace = 'slow' end
    end
    return pace
  end

  local mine = redis.call('HGET', held, k)
  if mine then
    local key = keys.delivery(mine)
    if redis.call('HGET', key, 'token') == order.token then  -- asked again: the answer was lost
      return take(mine, redis.call('HGET', key, 'begun'))
    end
    redis.call('HDEL', held, k)  -- whoever had it in hand is gone, and did not answer in time
    if lane == 'handlers' or redis.call('EXISTS', keys.subscription(handler)) == 1 then
      redis.call('HSET', health, 'pace', 'slow')
    end
  end
  leave_place(lane, slot)
  if tonumber(k) > slots_of(lane) then
    stir(lane, handler)
    return leave('none')
  end

  local rest = redis.call('HMGET', health, 'until', 'rest')
  local till = tonumber(rest[1]) or 0
  if till > now then return leave('wait', till - now) end
  -- An endpoint that rested is tried by one slot at a time until it has heard.
  if rest[2] and redis.call('HLEN', held) > 0 then return leave('none') end

  local id, due = next_turn(handler)
  -- Redis was put back to an older copy: what is not known cannot be told, and keeps none waiting.
  while id and redis.call('EXISTS', keys.delivery(id)) == 0 do
    redis.call('ZREM', keys.outbox(handler), id)
    id, due = next_turn(handler)
  end
  if not id then return leave('none') end
  if due > now then return leave('wait', due - now) end
  local pace = pace_now()
  if not pace then return leave('none') end
  if not has_place(lane, pace) then
    redis.call('ZREM', keys.waiting(lane, pace == 'new' and 'slow' or 'new'), slot)
    redis.call('ZADD', keys.waiting(lane, pace), 'NX', now, slot)
    return 'wait', text(policy.PLACE_LOOK_MS), '0', ''
  end
  -- Those that hold one already leave the last places to those that hold none.
  if redis.call('HLEN', held) > 0
    and redis.call('ZCARD', keys.telling(lane)) >= share_of(lane .. ':common') then
    return leave('none')
  end
  stop_waiting(lane, slot)
  local slow_from = pace == 'slow' and now or now + order.slow_after
  redis.call('ZADD', keys.telling(lane), now + order.longest, slot)
  redis.call('ZADD', keys.slow(lane), slow_from, slot)
  if pace == 'new' then redis.call('ZADD', keys.unproved(lane), slow_from, slot) end
  redis.call('HSET', held, k, id)
  redis.call('HSET', keys.delivery(id), 'token', order.token)
  local begun = redis.call('HINCRBY', keys.delivery(id), 'begun', 1)
  if not rest[2] then stir(lane, handler) end
  return take(id, text(begun))
end
