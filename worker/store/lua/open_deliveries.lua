-- Open one delivery for each handler of an event, each once however often this runs.
-- ARGV[2]  {job, event, type, items = {{id, handler, lane, ms}, ...}}   ARGV[3...]  a note for each
-- Returns  "done", how many are new
local order = cjson.decode(ARGV[2])
local new = 0
for i, item in ipairs(order.items) do
  local id, key = item[1], root .. 'delivery:' .. item[1]
  if redis.call('HSETNX', key, 'event', order.event) == 1 then
    redis.call('HSET', key, 'handler', item[2], 'job', order.job, 'type', order.type,
      'state', 'pending', 'begun', 0, 'opened', text(now), 'lane', item[3])
    redis.call('SADD', root .. 'deliveries:' .. order.job, id)
    note(order.job, ARGV[2 + i])
    wake(item[3], id, item[4])
    new = new + 1
  end
end
return answer('done', text(new))
