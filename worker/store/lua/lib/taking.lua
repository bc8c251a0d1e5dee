-- Putting a receiver's next delivery into the hand of one of its slots. The attempt is counted
-- before it runs, so that one which kills its process each time is counted too.
-- uses: time, wakeups, duties, places, deliveries, reading_events

-- Where the value of a field stands in a hash as Redis answers it.
local function place_in(hash, field)
  for i = 1, #hash, 2 do
    if hash[i] == field then return i + 1 end
  end
  return 0
end

-- How many bytes of Redis' there are in a list of texts.
local function weight(texts)
  local bytes = 0
  for _, one in ipairs(texts or {}) do bytes = bytes + #one end
  return bytes
end

-- A delivery as it is told behind another in a row: its id, how many attempts have begun, its record,
-- its event and that one's job.
local function behind(id, record)
  local fields, job = event_and_job(record[place_in(record, 'event')] or '0-0')
  return {id, record[place_in(record, 'begun')] or '0', record, fields, job}
end

-- A delivery's record; empty where there is none, or what is there is none.
local function record_of(id)
  local record = redis.pcall('HGETALL', keys.delivery(id))
  return record.err and {} or record
end

-- Count an attempt of a delivery, in its record too as it was read.
local function begin(id, record, token)
  local at = place_in(record, 'begun')
  if at == 0 then
    record[#record + 1] = 'begun'
    at = #record + 1
  end
  record[at] = text((tonumber(record[at]) or 0) + 1)
  redis.call('HSET', keys.delivery(id), 'token', token, 'begun', record[at])
end

-- Those of the turns behind the first that are told with it, if they are due and not too large to be
-- brought: who hears of one sooner than somebody could be called hears of several.
local function take_row(order, turns, most)
  local row, hand, bytes = {}, {order.slot, turns[1].id}, 0
  for i = 2, math.min(most, #turns) do
    local record = turns[i].due <= now and record_of(turns[i].id) or {}
    if not record[1] then break end
    local one = behind(turns[i].id, record)
    bytes = bytes + weight(record) + weight(one[4]) + weight(one[5])
    if bytes > policy.BROUGHT_BYTES then break end
    begin(one[1], record, order.token)
    one[2] = record[place_in(record, 'begun')]
    row[#row + 1] = one
    hand[#hand + 1], hand[#hand + 2] = order.slot .. '.' .. i, one[1]
  end
  redis.call('HSET', keys.held(order.handler), unpack(hand))
  return row
end

-- What a slot has in hand, in the order in which it tells them.
local function in_hand_of(handler, k)
  local hands, row = redis.call('HGETALL', keys.held(handler)), {}
  for i = 1, #hands, 2 do
    if slot_of(hands[i]) == k then
      local at = tonumber(hands[i]:match('%.(%d+)$') or 1)
      row[#row + 1] = {at = at, id = hands[i + 1], field = hands[i]}
    end
  end
  table.sort(row, function(one, other) return one.at < other.at end)
  return row
end

-- Whoever had them in hand is gone. One alone had begun. Of a row nobody knows which had, so none is
-- counted; from now on each is told alone until as many were told, and whichever ended it counts then.
local function empty_hand(handler, row)
  local several = #row > 1
  for _, one in ipairs(row) do
    redis.call('HDEL', keys.held(handler), one.field)
    if several then uncount(one.id) end
  end
  if several then redis.call('HINCRBY', keys.endpoint(handler), 'alone', #row) end
end

-- Under a claim of the slot.
-- order: {lane, handler, slot, token, me, longest, slow_after}: slot is its number, me the drainer,
-- longest the ms after which an attempt counts as lost, slow_after those after which it counts as slow.
-- Returns  "take", the delivery, how many attempts have begun, the receiver's health as fields and
--          values, the delivery's record, and those to be told behind it
--          | "wait", ms: nothing is due before, or there is no place
--          | "none": nothing to do, or others are at it
local function take_delivery(order)
  local lane, handler, k = order.lane, order.handler, order.slot
  local slot = handler .. '/' .. k
  local health = keys.endpoint(handler)

  local function take(id, record, going, row)
    local begun = record[place_in(record, 'begun')] or '0'
    return 'take', id, begun, cjson.encode(going), record, row
  end

  local function leave(word, ms)
    stop_waiting(lane, slot)
    call_waiting(lane)
    return word, text(ms or 0)
  end

  local mine = in_hand_of(handler, k)
  if mine[1] then
    local record = redis.call('HGETALL', keys.delivery(mine[1].id))
    if record[place_in(record, 'token')] == order.token then  -- asked again: the answer was lost
      local row = {}
      for i = 2, #mine do
        row[i - 1] = behind(mine[i].id, redis.call('HGETALL', keys.delivery(mine[i].id)))
      end
      return take(mine[1].id, record, redis.call('HGETALL', health), row)
    end
    empty_hand(handler, mine)  -- it did not answer in time
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

  local took, most = tonumber(is('took')), 1
  if is_short(lane, took) and not is('alone') then most = policy.TOLD_IN_A_ROW end
  local turns, in_hand = next_turns(handler, most + 1)
  -- An endpoint that rested is tried by one slot at a time until it has heard.
  if is('rest') and in_hand > 0 then return leave('none') end
  local record = turns[1] and record_of(turns[1].id)
  -- Redis was put back to an older copy: what is not known cannot be told, and keeps none waiting.
  while record and not record[1] do
    redis.call('ZREM', keys.outbox(handler), turns[1].id)
    turns = next_turns(handler, most + 1)
    record = turns[1] and record_of(turns[1].id)
  end
  local turn = turns[1]
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
  begin(turn.id, record, order.token)
  local row = take_row(order, turns, pace == 'quick' and most or 1)
  local following = turns[#row + 2]
  if following and not is('rest') then
    stir_in(lane, handler, math.max(0, following.due - now), took, tonumber(k))
  end
  -- Who may be away for long stands for no other drainer.
  if lane == 'handlers' and not is_short(lane, took) then
    drain_no_more(lane, order.me)
  end
  return take(turn.id, record, going, row)
end
