-- End deliveries that cannot be told: their subscription is disabled, or whoever was told is gone.
-- KEYS[1]  the root of every key
-- ARGV[2]  {handler, final}: final ones, dead ones among them, are removed in time; else they wait
--          for somebody to redeliver them
-- ARGV[3]  the attempt that was none
-- ARGV[4...]  deliveries
-- Returns  "done", how many were pending
-- uses: time, wakeups, duties, deliveries

local order = cjson.decode(ARGV[2])
local held, ended = keys.held(order.handler), 0

-- In hand is what a slot took under the claim that it still has. A process that died left the rest.
local function in_hand(k, id)
  local found = redis.call('HMGET', keys.delivery(id), 'lane', 'token')
  local lane, slot = found[1] or '', order.handler .. '/' .. slot_of(k)
  local till = tonumber(redis.call('ZSCORE', keys.due(lane), slot) or 0)
  return till > now and holds(lane, slot, found[2])
end

local taken, hands = {}, redis.call('HGETALL', held)
for i = 1, #hands, 2 do
  if in_hand(hands[i], hands[i + 1]) then
    taken[hands[i + 1]] = true
  else
    redis.call('HDEL', held, hands[i])
    if hands[i] ~= slot_of(hands[i]) then uncount(hands[i + 1]) end  -- it stood behind another
  end
end
for i = 4, #ARGV do
  local id = ARGV[i]
  local key = keys.delivery(id)
  local found = redis.call('HMGET', key, 'state', 'event')
  if found[1] == 'pending' and not taken[id] then
    local n = redis.call('HINCRBY', key, 'begun', 1)
    redis.call('HSET', key, 'state', 'dead', 'try:' .. text(n), ARGV[3])
    redis.call('ZREM', keys.outbox(order.handler), id)
    list_delivery(id, order.handler, 'pending', 'dead')
    keep_event(key, found[2])
    ended = ended + 1
  end
  if order.final and found[1] and not taken[id] then redis.call('ZADD', keys.told(), now, id) end
end
return answer('done', text(ended))
