-- Deliveries are opened: what is told to whom, and since when.
-- uses: time, audience, deliveries

-- to: {handler, lane, ms until the first attempt}. job: empty where the event is about none. Its id;
-- nothing where there is one.
local function open_delivery(entry, job, kind, to, sample)
  local handler, lane, due = to[1], to[2], now + to[3]
  local id = 'dlv_' .. entry .. '_' .. handler
  local key = keys.delivery(id)
  if redis.call('EXISTS', key) == 1 then return nil end
  redis.call('HSET', key, 'v', records.VERSION, 'event', entry, 'handler', handler, 'job', job,
    'type', kind, 'state', 'pending', 'begun', 0, 'from', 0, 'opened', text(now), 'due', text(due),
    'lane', lane)
  if sample then redis.call('HSET', key, 'sample', 1) end
  list_delivery(id, handler, nil, 'pending')
  redis.call('ZADD', keys.outbox(handler), due, id)
  local delay, took = may_be_tried(handler, due)
  stir_in(lane, handler, delay, took)
  return id
end

-- One to each, those that there are not yet; how many are new.
local function open_each(entry, job, kind, tos, sample)
  local ids, who = {}, {}
  for _, to in ipairs(tos) do
    local id = open_delivery(entry, job, kind, to, sample)
    if id then
      ids[#ids + 1] = id
      who[#who + 1], who[#who + 2] = 0, to[1]
    end
  end
  if #ids > 0 then redis.call('ZADD', keys.receivers(), unpack(who)) end
  if #ids > 0 and job ~= '' then redis.call('SADD', keys.deliveries_of_job(job), unpack(ids)) end
  return #ids
end

-- Open all of an event, if its caller knows to whom. told: {by, to}, by the word for who listens at
-- which that is so. False: nothing is known, or it has changed.
local function open_known(told, entry, job, kind)
  if not told or told.by ~= audience() then return false end
  open_each(entry, job, kind, told.to)
  return true
end
