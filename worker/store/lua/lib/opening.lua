-- Deliveries are opened: what is told to whom, and since when.
-- uses: time, audience, deliveries

local function delivery_id(entry, to) return 'dlv_' .. entry .. '_' .. to[1] end

-- to: {handler, lane, ms until the first attempt}. job: empty where the event is about none.
local function open_delivery(entry, job, kind, to, sample)
  local id, handler, lane, due = delivery_id(entry, to), to[1], to[2], now + to[3]
  local key = keys.delivery(id)
  redis.call('HSET', key, 'v', records.VERSION, 'event', entry, 'handler', handler, 'job', job,
    'type', kind, 'state', 'pending', 'begun', 0, 'from', 0, 'opened', text(now), 'due', text(due),
    'lane', lane)
  if sample then redis.call('HSET', key, 'sample', 1) end
  list_delivery(id, handler, nil, 'pending')
  redis.call('ZADD', keys.outbox(handler), due, id)
  local delay, took = may_be_tried(handler, due)
  stir_in(lane, handler, delay, took)
end

-- One to each, those that there are not yet; how many are new. Listed first, so that one whose lists
-- are broken is found all the same.
local function open_each(entry, job, kind, tos, sample)
  local new, ids, who = {}, {}, {}
  for _, to in ipairs(tos) do
    local id = delivery_id(entry, to)
    if redis.call('EXISTS', keys.delivery(id)) == 0 then
      new[#new + 1], ids[#ids + 1] = to, id
      who[#who + 1], who[#who + 2] = 0, to[1]
    end
  end
  if #new == 0 then return 0 end
  redis.call('ZADD', keys.receivers(), unpack(who))
  if job ~= '' then redis.call('SADD', keys.deliveries_of_job(job), unpack(ids)) end
  for _, to in ipairs(new) do open_delivery(entry, job, kind, to, sample) end
  return #new
end

-- Open all of an event, if its caller knows to whom. told: {by, to}, by the word for who listens at
-- which that is so. False: nothing is known, or it has changed.
local function open_known(told, entry, job, kind)
  if not told or told.by ~= audience() then return false end
  open_each(entry, job, kind, told.to)
  return true
end
