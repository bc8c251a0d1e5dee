-- Hand a delivery to its handler again, its schedule from the start. One that still waits is tried
-- now.
-- KEYS[1]  the root of every key
-- ARGV[2]  delivery
-- ARGV[3]  ms until then
-- ARGV[4]  note
-- Returns  "done" | "held" (it is being told now) | "gone"
-- uses: time, wakeups, timeline, deliveries

local id = ARGV[2]
local key = keys.delivery(id)
local found = redis.call('HMGET', key, 'state', 'handler', 'lane', 'job', 'begun')
local state, handler = found[1], found[2]
if not state then return answer('gone') end
for _, held in ipairs(redis.call('HVALS', keys.held(handler))) do
  if held == id then return answer('held') end
end
if state ~= 'pending' then
  redis.call('HSET', key, 'state', 'pending', 'from', found[5])
  list_delivery(id, handler, state, 'pending')
  redis.call('ZREM', keys.told(), id)
end
local due = now + tonumber(ARGV[3])
redis.call('HSET', key, 'due', text(due))
redis.call('ZADD', keys.outbox(handler), due, id)
if found[4] ~= '' then
  redis.call('SADD', keys.deliveries_of_job(found[4]), id)
  note(found[4], ARGV[4])
end
stir(found[3], handler)
return answer('done')
