-- Deliveries. `outbox:<handler>` scores a handler's pending deliveries by when each is tried next.
-- A handler is told in a few slots, duties "<handler>/<k>" of its lane; `held:<handler>` says which
-- delivery each slot has in hand, as "<k>", and as "<k>.<i>" those that it tells behind that one in a
-- row; `endpoint:<handler>` says how telling it goes.
-- uses: time, duties, places

-- An attempt that nobody knows to have begun; its holder is gone.
local function uncount(id)
  local key = keys.delivery(id)
  if redis.call('HDEL', key, 'token') == 1 then redis.call('HINCRBY', key, 'begun', -1) end
end

-- The slot that has in hand what stands in a field of `held:<handler>`.
local function slot_of(field) return field:match('^%d+') end

-- The first deliveries of a handler that nobody has in hand, `most` at most: of each its id and when
-- it is tried. And how many are in hand.
local function next_turns(handler, most)
  local taken, count, found = {}, 0, {}
  for _, id in ipairs(redis.call('HVALS', keys.held(handler))) do
    taken[id] = true
    count = count + 1
  end
  local first = redis.call('ZRANGE', keys.outbox(handler), 0, count + most - 1, 'WITHSCORES')
  for i = 1, #first, 2 do
    if not taken[first[i]] and #found < most then
      found[#found + 1] = {id = first[i], due = tonumber(first[i + 1])}
    end
  end
  return found, count
end

-- In how many ms a delivery that is due then may be tried; an endpoint that fails is left alone a while.
-- And how many seconds telling its handler takes, if that is known.
local function may_be_tried(handler, due)
  local health = redis.call('HMGET', keys.endpoint(handler), 'until', 'took')
  return math.max(0, due - now, (tonumber(health[1]) or 0) - now), tonumber(health[2])
end

-- The same of a handler's next delivery, if it has one.
local function next_look(handler)
  local turn = next_turns(handler, 1)[1]
  if turn then return may_be_tried(handler, turn.due) end
end

-- Have a slot that is free look at a handler's next delivery, which is tried in so many ms and takes so
-- many seconds. With none free, the first looks again when it is. own: one that is not.
local function stir_in(lane, handler, delay, took, own)
  local short, first = is_short(lane, took), nil
  for k = 1, slots_of(lane) do
    local slot = handler .. '/' .. k
    if waits_for_place(lane, slot) then return end
    local score = k ~= own and tonumber(redis.call('ZSCORE', keys.due(lane), slot) or math.huge)
    if score == math.huge then return wake_anew(lane, slot, delay, short) end
    -- Of one whose lease ran out the holder may put it down after all, so it is wished for, too.
    if score and (score <= now or not redis.call('HGET', keys.claims(lane), slot)) then
      return wake(lane, slot, delay, short, score)
    end
    first = first or score
  end
  wake(lane, handler .. '/1', delay, short, own ~= 1 and first)
end

-- Of what is there.
local function stir(lane, handler)
  local delay, took = next_look(handler)
  if delay then stir_in(lane, handler, delay, took) end
end

-- Processes of the release before may still read lists of their own.
local lists_before
local function list_as_before(id, old, new)
  if lists_before == nil then lists_before = redis.call('EXISTS', keys.jobs()) == 1 end
  if not lists_before then return end
  if old then redis.call('ZREM', keys.deliveries_in_state(old), id) end
  if new then redis.call('ZADD', keys.deliveries_in_state(new), 0, id) end
end

-- A delivery's place in what is listed of a handler in a state.
local function list_delivery(id, handler, old, new)
  if old then redis.call('ZREM', keys.deliveries_of(handler, old), id) end
  if new then redis.call('ZADD', keys.deliveries_of(handler, new), 0, id) end
  list_as_before(id, old, new)
end

-- A handler heard of these: none of them waits any more.
local function list_heard(ids, handler)
  if #ids == 0 then return end
  local rows = {}
  for i, id in ipairs(ids) do
    rows[2 * i - 1], rows[2 * i] = 0, id
    list_as_before(id, 'pending', 'done')
  end
  redis.call('ZREM', keys.outbox(handler), unpack(ids))
  redis.call('ZREM', keys.deliveries_of(handler, 'pending'), unpack(ids))
  redis.call('ZADD', keys.deliveries_of(handler, 'done'), unpack(rows))
end

-- A delivery is no more; whoever has no other has none.
local function unlist_delivery(id, handler, state)
  redis.call('ZREM', keys.deliveries_of(handler, state), id)
  list_as_before(id, state, nil)
  for _, other in ipairs({state, 'done', 'dead', 'superseded', 'pending'}) do
    if redis.call('EXISTS', keys.deliveries_of(handler, other)) == 1 then return end
  end
  redis.call('ZREM', keys.receivers(), handler)
end

-- The event stream is trimmed by time; a dead delivery keeps what it would be told again with.
local function keep_event(key, entry)
  local event = redis.call('XRANGE', keys.events(), entry, entry)
  if event[1] then redis.call('HSET', key, 'kept', cjson.encode(event[1][2])) end
end
