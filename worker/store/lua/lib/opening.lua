-- A delivery is opened: what is told to whom, and since when.
-- uses: time, audience, deliveries

-- to: {handler, lane, ms until the first attempt}. job: empty where the event is about none.
local function open_delivery(entry, job, kind, to, sample)
  local handler, lane, due = to[1], to[2], now + to[3]
  local id = 'dlv_' .. entry .. '_' .. handler
  local key = keys.delivery(id)
  if redis.call('EXISTS', key) == 1 then return 0 end
  redis.call('HSET', key, 'v', records.VERSION, 'event', entry, 'handler', handler, 'job', job,
    'type', kind, 'state', 'pending', 'begun', 0, 'from', 0, 'opened', text(now), 'due', text(due),
    'lane', lane)
  if sample then redis.call('HSET', key, 'sample', 1) end
  if job ~= '' then redis.call('SADD', keys.deliveries_of_job(job), id) end
  list_delivery(id, handler, nil, 'pending')
  redis.call('ZADD', keys.outbox(handler), due, id)
  stir(lane, handler)
  return 1
end

-- Open all of an event, if its caller knows to whom. told: {by, to}, by the word for who listens at
-- which that is so. False: nothing is known, or it has changed.
local function open_known(told, entry, job, kind)
  if not told or told.by ~= audience() then return false end
  for _, to in ipairs(told.to) do open_delivery(entry, job, kind, to) end
  return true
end
