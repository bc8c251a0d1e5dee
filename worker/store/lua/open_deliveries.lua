-- Open one delivery for each handler of an event, each once however often this runs.
-- KEYS[1]  the root of every key
-- ARGV[2]  {job, event, type, items = {{id, handler, lane, ms}, ...}, closing}: job is empty where
--          the event is about none; closing is the end of the duty (lib/closing), if this is its
--          last work
-- Returns  "done" | "gone" (the log has no such event: Redis has forgotten it), how many are new,
--          and what became of the next duty
-- uses: time, wakeups, deliveries, closing, bringing_events

local order = cjson.decode(ARGV[2])
local new, sample = 0, false
local event = redis.call('XRANGE', keys.events(), order.event, order.event)[1]

if not event then return answer('gone', '0', put_down(order.closing)) end
for i = 1, #event[2], 2 do
  sample = sample or event[2][i] == 'sample'
end
for _, item in ipairs(order.items) do
  local id, handler, lane = item[1], item[2], item[3]
  local key = keys.delivery(id)
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'v', records.VERSION, 'event', order.event, 'handler', handler,
      'job', order.job, 'type', order.type, 'state', 'pending', 'begun', 0, 'from', 0,
      'opened', text(now), 'due', text(now + item[4]), 'lane', lane)
    if sample then
      redis.call('HSET', key, 'sample', 1)
    end
    if order.job ~= '' then
      redis.call('SADD', keys.deliveries_of_job(order.job), id)
    end
    list_delivery(id, handler, nil, 'pending')
    redis.call('ZADD', keys.outbox(handler), now + item[4], id)
    stir(lane, handler)
    new = new + 1
  end
end
return answer('done', text(new), put_down(order.closing))
