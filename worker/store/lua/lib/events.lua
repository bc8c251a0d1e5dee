-- The log, and the duty to tell those who want it.
-- uses: time, states, duties

-- Where an event goes: behind all others, at this time. Tests say the time, which takes Redis 7.
local function here()
  if SET_TIME == '' then return '*' end
  local last = redis.call('XREVRANGE', keys.events(), '+', '-', 'COUNT', 1)[1]
  return text(math.max(now, last and tonumber(last[1]:match('^%d+')) or 0)) .. '-*'
end

-- One event into the stream, and the duty to tell those who want it. `why` is what an alert says.
-- An end is fanned out whether anybody ever wanted it or not. opened: opens an entry's deliveries, if it
-- is known whose; what goes wrong there is the fan-out's to count, which opens what is not open yet.
local function announce(job, kind, state, previous, life, why, opened)
  local id = redis.call('XADD', keys.events(), here(), 'v', records.VERSION, 'job', job,
    'type', kind, 'state', state, 'previous', previous, 'life', life, 'why', why or '')
  local ends = ENDED[state] and kind ~= 'job.archived'
  if not ends and redis.call('SISMEMBER', keys.wanted(), kind) == 0 then return end
  local fine, all = false, false
  if opened then fine, all = pcall(opened, id) end
  if not (fine and all) then wake('fanout', id, 0) end
end

-- Something is wrong that is about no job, or about one that is not here.
local function alert(subject, why)
  local event = redis.call('XADD', keys.events(), here(), 'subject', subject,
    'v', records.VERSION, 'type', 'runhook.alert', 'why', why)
  wake('fanout', event, 0)
end
