-- Change a job if nobody did meanwhile, with everything that follows from it: its place, its event,
-- the breaker, its duties, its timeline.
-- KEYS[1]  the root of every key
-- ARGV[2]  {job, tenant, rev, id, state, n, line, score, turn, limit, each, event, breaker, why, advice,
--          duties, aside, left, duration, ran, tally, waits, files, notes, want, ledger, told,
--          closing}
--          turn: it needs room in flight, of its tenant's too, and a breaker that lets it through
--          breaker: "reset" | "trip" | "trip-ask" (RunningHub must answer before the next) | ""
--          advice: what the account's owner must do about a breaker that trips, or ""
--          duties: {{lane, id, ms}, ...}
--          aside: ms that a job that is queued again stands behind all others
--          left: when and by which token its request left, where Redis had lost that
--          duration: ms from submit to success, for the p95 of the model that ran; 0: none
--          tally: what it counts as once it has ended (lib/tally); none: it has not
--          waits: the jobs it waits for from now on, outside the queue
--          files: some of its outputs are kept, and go when it does
--          notes: how many there are
--          want: the room that a new attempt must find in its day's budget; none: no matter
--          ledger: what the job counts for now (lib/ledger); none: as before
--          told: who is told of the event, as lib/opening has it; none: the fan-out sees to that
--          closing: the end of the duty whose last work this is (lib/closing), with the `attempt`
--          whose callbacks were decided on; none: the duty goes on
-- ARGV[3]  life
-- ARGV[4...]  notes, and behind them the callbacks that were decided on
-- Returns  "done", and what became of the next duty | "stale" (read it again) | "gone" | "full"
--          | "gated" | "broke", which budget has no room, and what is left of it
-- uses: time, states, wakeups, duties, timeline, events, turns, queue, breaker, jobs
-- uses: callbacks, claiming, closing, bringing_turns, bringing_jobs, ledger, waiting, groups, tally
-- uses: opening

local order = cjson.decode(ARGV[2])
local job, key = order.job, keys.job(order.job)
local held = redis.call('HMGET', key, 'rev', 'move', 'state', 'model', 'tenant', 'waits', 'group',
  'tallied', 'heard:' .. order.n, 'score')
if not held[1] then return answer('gone', false) end
if held[2] == order.id then  -- sent again: its answer was lost
  return answer('done', next_of((order.closing or {}).next))
end
if tonumber(held[1]) ~= order.rev then return answer('stale', false) end
local old, new, model = held[3], order.state, held[4]
local gates = breakers_of(order.line)
local broke = order.want and lacking(order.want)
if broke then return answer('broke', broke) end

if order.turn then
  if paused() then return answer('gated', false) end
  if in_flight() >= limit_of(order.limit) then return answer('full', false) end
  if order.each ~= '' and flying(tenant_of(job)) >= order.each then return answer('full', false) end
  for _, line in ipairs(gates) do
    local word = breaker_state(line)
    if word == 'closed' or word == 'probing' then return answer('gated', false) end
  end
  for _, line in ipairs(gates) do
    if breaker_state(line) == 'due' then write_breaker(line, 'probe', job) end
  end
end

-- The first write frees something: what became of a paid request is written also where memory ran out.
if old == new then count_again(job, old) elseif IN_FLIGHT[old] then leave_state(job, old) end
local tally = old ~= new and order.tally
local fields = {'life', ARGV[3], 'state', new, 'n', order.n, 'rev', order.rev + 1, 'move', order.id}
local function write(name, value)
  if not value then return end
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
write('line', new == 'queued' and order.line)
write('score', new == 'queued' and order.score)
write('booked', order.ledger and order.ledger.booked)
write('files', order.files and '1')
write('tallied', tally and text(now) .. ' ' .. tally)
redis.call('HSET', key, unpack(fields))
book(order.ledger)  -- at once, for the hash says that it is counted
if not held[5] then adopt(job, order.tenant) end  -- an older process made it
if order.notes > 0 then note(job, unpack(ARGV, 4, 3 + order.notes)) end
local aside = order.aside
if order.breaker == 'reset' then
  for _, line in ipairs(gates) do reset_breaker(line) end
elseif order.breaker ~= '' then
  -- 415 and 814 stop their own line only; all else is everybody's.
  local asks = order.breaker == 'trip-ask'
  local behind = trip_breaker(order.breaker_of, job, asks, order.why, order.advice)
  aside = math.max(aside, behind)
  if order.advice ~= '' and redis.call('SET', keys.alerted_of_key(), '1', 'NX', 'PX',
    policy.KEY_ALERTED_AGAIN_MS) then
    alert('line', order.why .. '. ' .. order.advice)
  end
end
local waits = #order.waits > 0
if held[6] or waits then wait_for(job, order.waits) end
if old ~= new then
  if new == 'queued' then redis.call('HDEL', key, 'left:' .. order.n) end
  -- Where it stands now: what its record says of its age is rounded, and may name another place.
  local score = old == 'queued' and held[10] or order.score
  place(job, model, held[5] or order.tenant, old, new, order.line, score, waits, aside)
  if order.turn and order.each ~= '' and flying(order.tenant) >= order.each then
    hold_back(order.tenant, true)
  end
  move_in_group(job, new, held[5], held[7])
  if held[8] then take_from_tally(order.tenant, held[8]) end
  if held[8] and not tally then redis.call('HDEL', key, 'tallied') end
  if tally then add_to_tally(now, order.tenant, tally, 1) end
elseif held[6] and not waits then
  stand(job, order.line, order.score, order.tenant, aside)
  wake('line', 'line', 0)
end
if order.left then redis.call('HSET', key, 'left:' .. order.n, order.left) end
if old == 'sending' and new ~= 'sending' and order.breaker ~= 'reset' then
  for _, line in ipairs(gates) do release_probe(line, job) end
end
if ENDED[new] and old ~= new then
  retire('reconcile', job .. '/' .. order.n)
  call_waiters(job)
end
for _, duty in ipairs(order.duties) do wake_anew(duty[1], duty[2], duty[3]) end
if new == 'running' and held[9] and redis.call('EXISTS', keys.raw(job .. '/' .. order.n)) == 1 then
  wake('intake', job .. '/' .. order.n, 0)  -- its callback was early and waits for the ref
end
if order.duration > 0 then
  local durations = keys.durations(order.ran)
  redis.call('LPUSH', durations, order.duration)
  redis.call('LTRIM', durations, 0, policy.DURATIONS_KEPT - 1)
  redis.call('EXPIRE', durations, policy.DURATIONS_KEPT_S)
end
if order.event ~= '' then
  announce(job, order.event, new, old, ARGV[3], order.why, function(entry)
    return open_known(order.told, entry, job, order.event)
  end)
end

-- Behind all that it may wake, so that what is due in this lane is the next.
local closing = order.closing
return answer('done', put_down(closing, function()
  if closing.attempt then
    forget_callbacks(closing.attempt, {unpack(ARGV, 4 + order.notes)})
  end
end))
