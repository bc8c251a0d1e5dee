-- End deliveries that cannot be told: their subscription is disabled or gone.
-- ARGV[2]  {handler, final}: final ones, dead ones among them, are removed in time; else they wait for
--          somebody to redeliver them   ARGV[3]  the attempt that was none   ARGV[4]  note
-- ARGV[5...]  deliveries
-- Returns  "done", how many were pending
local order = cjson.decode(ARGV[2])
local taken, ended = {}, 0
for _, id in ipairs(redis.call('HVALS', root .. 'held:' .. order.handler)) do taken[id] = true end
for i = 5, #ARGV do
  local id = ARGV[i]
  local key = root .. 'delivery:' .. id
  local found = redis.call('HMGET', key, 'state', 'job', 'event')
  if found[1] == 'pending' and not taken[id] then
    local n = redis.call('HINCRBY', key, 'begun', 1)
    redis.call('HSET', key, 'state', 'dead', 'try:' .. text(n), ARGV[3])
    redis.call('ZREM', root .. 'outbox:' .. order.handler, id)
    list_delivery(id, order.handler, 'pending', 'dead')
    keep_event(key, found[3])
    if found[2] ~= '' then note(found[2], ARGV[4]) end
    ended = ended + 1
  end
  if order.final and found[1] and not taken[id] then redis.call('ZADD', root .. 'told', now, id) end
end
return answer('done', text(ended))
