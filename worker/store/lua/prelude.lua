-- Stands before every script: the clock, duties and their wake-ups, the line's gates, a job's place.
-- Written within Redis 6.2's Lua. Keys are made from the root, so Redis Cluster cannot run these.
--
-- KEYS[1]  the root of every key, "runhook:"
-- ARGV[1]  "p" if the caller posts what `woken` names where scripts cannot; a door does not wait for
--          another broker, and leaves it to the pump. Behind it now in milliseconds, for tests; empty:
--          Redis's own clock
-- These bytes are the same in every process, so that Redis keeps each script once: what differs is in
-- `wakeups`, a lane's Celery message by its name, written by workers when broker and state share this
-- Redis and absent otherwise.
local root = KEYS[1]
local POSTS, SET_TIME = ARGV[1]:match('^(p?)(%d*)$')
local GRACE = 30000  -- ms a posted wake-up has to be claimed before it is posted again
local FIRST_STEP, LAST_STEP = 5000, 120000  -- ms a gate stays closed
local IN_FLIGHT = {sending = true, running = true, unconfirmed = true}
local VERSION = '1'  -- of the records that scripts write: records.VERSION
local ENDED = {succeeded = true, failed = true, cancelled = true}

local now
if SET_TIME ~= '' then
  now = tonumber(SET_TIME)
else
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Whether Redis has lost writes of a process: its own mark, which nobody else pushes on, is below the
-- token that it was given last.
local function went_back(process, token)
  return (tonumber(redis.call('GET', root .. 'seen:' .. process)) or 0) < tonumber(token)
end

local MARK_KEPT = 7 * 86400000  -- ms: longer than any process is away and comes back

local function set_mark(process, token)
  redis.call('SET', root .. 'seen:' .. process, token, 'PX', MARK_KEPT)
end

local function text(number) return string.format('%.0f', number) end

-- What would change something each time is asked for under a nonce: redis-py asks again when the answer
-- is lost, four times ten seconds and its waits.
local ASKED_AGAIN = 60000  -- ms in which it may

local function is_done(nonce) return redis.call('EXISTS', root .. 'done:' .. nonce) == 1 end

local function mark_done(nonce) redis.call('SET', root .. 'done:' .. nonce, '', 'PX', ASKED_AGAIN) end

-- Duties. `due:<lane>` scores each by when somebody must look. `claims:<lane>` says why it is not
-- simply waiting: "p" a wake-up is posted; "h<token>/<nonce>" the claimer of that nonce holds it;
-- "h<token>/<nonce>+<ms>" it was woken meanwhile, for that time. `failures:<lane>` counts how often in
-- a row it failed, `parked:<lane>` says of those that failed too often when that was, and why.
local woken = {}

local messages
local function message_of(lane)
  if not messages then
    messages = {}
    local rows = redis.call('HGETALL', root .. 'wakeups')
    for i = 1, #rows, 2 do messages[rows[i]] = rows[i + 1] end
  end
  return messages[lane]
end

local function queue_of(lane) return root .. 'queue:' .. lane end

local function post(lane, id)
  local message = message_of(lane)
  if not message then
    woken[#woken + 1] = lane .. ' ' .. id
    return
  end
  local tag = id .. '#' .. text(redis.call('INCR', root .. 'fence'))
  local filled = message:gsub('@DUTY@', id):gsub('@TAG@', tag)
  redis.call('LPUSH', queue_of(lane), filled)
end

local function post_now(lane, id, grace)
  local mark = redis.call('HGET', root .. 'claims:' .. lane, id)
  if mark and mark:sub(1, 1) == 'h' then  -- its lease ran out: whoever held it never came back
    redis.call('HINCRBY', root .. 'failures:' .. lane, id, 1)
  end
  if POSTS == '' and not message_of(lane) then
    redis.call('ZADD', root .. 'due:' .. lane, now, id)
    redis.call('HDEL', root .. 'claims:' .. lane, id)
    return
  end
  redis.call('ZADD', root .. 'due:' .. lane, now + (grace or GRACE), id)
  redis.call('HSET', root .. 'claims:' .. lane, id, 'p')
  post(lane, id)
end

local HELD = '^h(%d+)/(%x*)%+?(%d*)$'

local function wake(lane, id, delay)
  local due, claims = root .. 'due:' .. lane, root .. 'claims:' .. lane
  local mark = redis.call('HGET', claims, id)
  local score = redis.call('ZSCORE', due, id)
  local fresh = score and tonumber(score) > now
  if mark and mark:sub(1, 1) == 'h' and fresh then
    local token, nonce, wished = mark:match(HELD)
    local wish = math.min(tonumber(wished) or math.huge, now + math.max(delay, 0))
    redis.call('HSET', claims, id, 'h' .. token .. '/' .. nonce .. '+' .. text(wish))
  elseif mark == 'p' and fresh then
    return
  elseif delay <= 0 then
    post_now(lane, id)
  elseif not score or tonumber(score) > now + delay then
    redis.call('ZADD', due, now + delay, id)
    redis.call('HDEL', claims, id)
  end
end

-- A duty is no more.
local function drop(lane, id)
  redis.call('ZREM', root .. 'due:' .. lane, id)
  for _, kind in ipairs({'claims:', 'failures:', 'parked:'}) do redis.call('HDEL', root .. kind .. lane, id) end
end

-- Nothing is left to do for a duty, unless somebody holds it: its holder puts it down.
local function retire(lane, id)
  local mark = redis.call('HGET', root .. 'claims:' .. lane, id)
  if not mark or mark:sub(1, 1) ~= 'h' then drop(lane, id) end
end

-- Whether the token holds the duty, and for when it was woken meanwhile.
local function holds(lane, id, token)
  local mark = redis.call('HGET', root .. 'claims:' .. lane, id) or ''
  local holder, _, wished = mark:match(HELD)
  return holder == token, tonumber(wished)
end

-- after: ms until the next look, or negative: nothing is left to do. A wake-up that came meanwhile
-- counts if it is sooner.
local function finish(lane, id, token, after)
  local mine, wish = holds(lane, id, token)
  if not mine then return 'stale' end
  local next = after >= 0 and now + after or nil
  if wish and (not next or wish < next) then next = wish end
  if not next then
    drop(lane, id)
    return 'done'
  end
  redis.call('HDEL', root .. 'claims:' .. lane, id)
  redis.call('HDEL', root .. 'failures:' .. lane, id)
  redis.call('HDEL', root .. 'parked:' .. lane, id)
  if next <= now then
    post_now(lane, id)
  else
    redis.call('ZADD', root .. 'due:' .. lane, next, id)
  end
  return 'done'
end

-- The line. In flight are sizes of sets, so there is nothing to leak. `unreadable` are jobs that stand in
-- none of them although they are in flight: nobody can read them, and they hold no slot.
local function in_flight()
  return redis.call('ZCARD', root .. 'jobs:state:sending')
    + redis.call('ZCARD', root .. 'jobs:state:running')
    + redis.call('SCARD', root .. 'holding')
end

local function limit_of(given)
  return tonumber(given) or tonumber(redis.call('HGET', root .. 'line', 'limit')) or 1
end

-- Gates: until, step, probe, ask, why, advice. No hash: open.
local function gate_of(line)
  local g = redis.call('HMGET', root .. 'gate:' .. line, 'until', 'step', 'probe', 'ask')
  if not g[1] then return nil end
  return {till = tonumber(g[1]), step = tonumber(g[2]), probe = g[3] or '', ask = g[4] == '1'}
end

-- Whether anybody stands in a line.
local function somebody_waits()
  for _, line in ipairs(redis.call('SMEMBERS', root .. 'lines')) do
    if redis.call('ZCARD', root .. 'line:' .. line) > 0 then return true end
  end
  return false
end

-- Returns the ms that the job stands aside: if it was the probe and others wait, one of them probes next.
-- advice: what the account's owner must do, or empty.
local function close_gate(line, job, ask, why, advice)
  local gate = gate_of(line)
  if gate and gate.probe ~= job and (gate.till > now or gate.probe ~= '') then
    if ask then redis.call('HSET', root .. 'gate:' .. line, 'ask', '1') end
    return 0
  end
  local step = gate and gate.step or FIRST_STEP
  local probed = gate and gate.probe == job
  if probed then step = math.min(step * 2, LAST_STEP) end
  local asks = (ask or (gate and gate.ask)) and '1' or '0'
  redis.call('HSET', root .. 'gate:' .. line, 'until', text(now + step), 'step', text(step),
    'probe', '', 'ask', asks, 'why', why, 'advice', advice)
  wake('line', 'line', step)
  return probed and somebody_waits() and math.floor(step * 1.5) or 0
end

local function open_gate(line)
  if redis.call('DEL', root .. 'gate:' .. line) == 1 then wake('line', 'line', 0) end
end

local function release_probe(line, job)
  if redis.call('HGET', root .. 'gate:' .. line, 'probe') == job then
    redis.call('HSET', root .. 'gate:' .. line, 'probe', '')
    wake('line', 'line', 0)
  end
end

-- "open", "closed" with the ms to wait, or "probing".
local function gate_word(line)
  local gate = gate_of(line)
  if not gate then return 'open', 0, false end
  if gate.till > now then return 'closed', gate.till - now, gate.ask end
  if gate.probe ~= '' then return 'probing', 0, gate.ask end
  return 'due', 0, gate.ask
end

-- Whether its owner stopped the line.
local function paused() return redis.call('HGET', root .. 'line', 'paused') == '1' end

local function gates_of(line) return line == 'main' and {'main'} or {'main', line} end

-- Whether a job that took its turn may still leave: the line is not paused, and no gate has closed
-- since, or it is the probe.
local function lets_through(line, job)
  if paused() then return false end
  for _, name in ipairs(gates_of(line)) do
    local gate = gate_of(name)
    if gate and gate.probe ~= job then return false end
  end
  return true
end

-- A queued job stands in its line, or aside for some ms, behind all others until then.
local function stand(job, line, score, aside)
  redis.call('HSET', root .. 'job:' .. job, 'line', line, 'score', score)
  if aside > 0 then
    redis.call('ZADD', root .. 'aside', now + aside, job)
    wake('line', 'line', aside)
  else
    redis.call('ZADD', root .. 'line:' .. line, score, job)
    redis.call('SADD', root .. 'lines', line)
  end
end

-- Those whose time aside is over stand in their lines again.
local function return_from_aside()
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', root .. 'aside', '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', root .. 'aside', job)
    local held = redis.call('HMGET', root .. 'job:' .. job, 'state', 'line', 'score')
    if held[1] == 'queued' then stand(job, held[2], held[3], 0) end
  end
end

-- Where a job stands in every index. `line`, `score` and `aside` are given when it is queued.
local function place(job, model, old, new, line, score, aside)
  if old then redis.call('ZREM', root .. 'jobs:state:' .. old, job) end
  redis.call('ZADD', root .. 'jobs:state:' .. new, 0, job)
  if old == 'queued' then
    redis.call('ZREM', root .. 'line:' .. line, job)
    redis.call('ZREM', root .. 'aside', job)
  end
  if new == 'queued' then stand(job, line, score, aside or 0) end
  if new == 'unconfirmed' then
    redis.call('SADD', root .. 'holding', job)
  elseif old == 'unconfirmed' then
    redis.call('SREM', root .. 'holding', job)
  end
  if ENDED[new] then
    redis.call('ZADD', root .. 'ended', now, job)
  elseif old and ENDED[old] then
    redis.call('ZREM', root .. 'ended', job)
  end
  if new == 'queued' or (old and IN_FLIGHT[old] and not IN_FLIGHT[new]) then
    wake('line', 'line', 0)
  end
end

-- A job says whose it is, and is listed so; one that says so already stays whose it is.
local function adopt(job, tenant)
  if redis.call('HSETNX', root .. 'job:' .. job, 'tenant', tenant) == 0 then return 0 end
  redis.call('ZADD', root .. 'jobs:tenant:' .. tenant, 0, job)
  return 1
end

local function note(job, entry)
  redis.call('XADD', root .. 'timeline:' .. job, 'MAXLEN', '~', '1000', '*', 'note', entry)
end

-- Where an event goes: behind all others, at this time. Tests say the time, which takes Redis 7.
local function here()
  if SET_TIME == '' then return '*' end
  local last = redis.call('XREVRANGE', root .. 'events', '+', '-', 'COUNT', 1)[1]
  return text(math.max(now, last and tonumber(last[1]:match('^%d+')) or 0)) .. '-*'
end

-- One event into the stream, and the duty to tell those who want it. `why` is what an alert says.
local function announce(job, kind, state, previous, life, why)
  local id = redis.call('XADD', root .. 'events', here(), 'v', VERSION, 'job', job, 'type', kind, 'state', state,
    'previous', previous, 'life', life, 'why', why or '')
  if ENDED[state] or redis.call('SISMEMBER', root .. 'wanted', kind) == 1 then
    wake('fanout', id, 0)
  end
end

-- The slot of a job in flight whose record nobody can read is given back: only where it stands changes,
-- not what it is. Whether it was in flight.
local function give_back_slot(job)
  local stood = redis.call('SREM', root .. 'holding', job)
  for state in pairs(IN_FLIGHT) do stood = stood + redis.call('ZREM', root .. 'jobs:state:' .. state, job) end
  if stood == 0 then return false end
  redis.call('SADD', root .. 'unreadable', job)
  for _, line in ipairs(gates_of(redis.call('HGET', root .. 'job:' .. job, 'line') or 'main')) do
    release_probe(line, job)
  end
  wake('line', 'line', 0)
  return true
end

-- The record of a job in flight can be read again, or is to be tried: it stands where its state says.
-- Whether it stood apart.
local function count_again(job, state)
  if not IN_FLIGHT[state] or redis.call('SREM', root .. 'unreadable', job) == 0 then return false end
  redis.call('ZADD', root .. 'jobs:state:' .. state, 0, job)
  if state == 'unconfirmed' then redis.call('SADD', root .. 'holding', job) end
  return true
end

-- Something is wrong that is about no job, or about one that is not here.
local function alert(subject, why)
  local event = redis.call('XADD', root .. 'events', here(), 'subject', subject,
    'v', VERSION, 'type', 'runhook.alert', 'why', why)
  wake('fanout', event, 0)
end

-- A duty that failed too often waits for somebody to release it, or for new work to wake it.
local function park(lane, id, count, why)
  redis.call('ZREM', root .. 'due:' .. lane, id)
  redis.call('HDEL', root .. 'claims:' .. lane, id)
  redis.call('HSET', root .. 'failures:' .. lane, id, count - 1)  -- released, it has one more try
  redis.call('HSET', root .. 'parked:' .. lane, id, cjson.encode({at = now, failures = count, why = why}))
  alert(id, 'the duty ' .. id .. ' of the lane ' .. lane .. ' is parked after ' .. text(count)
    .. ' failures: ' .. why)
end

-- Deliveries. `outbox:<handler>` scores a handler's pending deliveries by when each is tried next. A
-- handler is told in a few slots, duties "<handler>/<k>" of its lane; `held:<handler>` says which
-- delivery each slot has in hand, `endpoint:<handler>` how telling it goes.

-- A share of a lane's places as processes last counted them; one before any did.
local function share_of(name) return tonumber(redis.call('HGET', root .. 'slots', name)) or 1 end

-- What the release before did not count: while only its processes run, new ones have the common places.
local function share_of_new(lane)
  return tonumber(redis.call('HGET', root .. 'slots', lane .. ':new')) or share_of(lane .. ':common')
end

local function slots_of(lane) return share_of(lane) end

-- Places. `telling:<lane>` scores each slot that has a delivery in hand by when that counts as lost,
-- `slow:<lane>` by when it begins to count as slow, `unproved:<lane>` likewise where its receiver is
-- new. Who finds no place stands in `waiting:<lane>:<pace>`, scored by since when.
local WAITS_AT_MOST = 15000  -- ms until a slot that waits for a place looks again, were it not woken

local function leave_place(lane, slot)
  redis.call('ZREM', root .. 'slow:' .. lane, slot)
  redis.call('ZREM', root .. 'unproved:' .. lane, slot)
  return redis.call('ZREM', root .. 'telling:' .. lane, slot) == 1
end

local function stop_waiting(lane, slot)
  redis.call('ZREM', root .. 'waiting:' .. lane .. ':new', slot)
  redis.call('ZREM', root .. 'waiting:' .. lane .. ':slow', slot)
end

local function waits_for_place(lane, slot)
  local waits = redis.call('ZSCORE', root .. 'waiting:' .. lane .. ':new', slot)
    or redis.call('ZSCORE', root .. 'waiting:' .. lane .. ':slow', slot)
  return waits and redis.call('ZSCORE', root .. 'due:' .. lane, slot)
end

-- Whether another receiver of this pace may take a place: "quick" always may.
local function has_place(lane, pace)
  if pace == 'quick' then return true end
  local lost = redis.call('ZRANGEBYSCORE', root .. 'telling:' .. lane, '-inf', text(now))
  for _, slot in ipairs(lost) do leave_place(lane, slot) end
  local slow = redis.call('ZCOUNT', root .. 'slow:' .. lane, '-inf', text(now))
  if pace == 'slow' then return slow < share_of(lane .. ':slow') end
  local new = redis.call('ZCOUNT', root .. 'unproved:' .. lane, '(' .. text(now), '+inf')
  return slow + new < share_of_new(lane)
end

-- A place may be free: whoever has waited longest looks again, new receivers first, as most of them
-- will turn out to be quick.
local function call_waiting(lane)
  for _, pace in ipairs({'new', 'slow'}) do
    local queue = root .. 'waiting:' .. lane .. ':' .. pace
    if redis.call('EXISTS', queue) == 1 and has_place(lane, pace) then
      wake(lane, redis.call('ZPOPMIN', queue)[1], 0)
    end
  end
end

-- The first delivery of a handler that nobody has in hand, and when it is tried.
local function next_turn(handler)
  local taken, count = {}, 0
  for _, id in ipairs(redis.call('HVALS', root .. 'held:' .. handler)) do
    taken[id] = true
    count = count + 1
  end
  local first = redis.call('ZRANGE', root .. 'outbox:' .. handler, 0, count, 'WITHSCORES')
  for i = 1, #first, 2 do
    if not taken[first[i]] then return first[i], tonumber(first[i + 1]) end
  end
end

-- In how many ms a handler's next delivery may be tried; an endpoint that fails is left alone a while.
local function next_look(handler)
  local id, due = next_turn(handler)
  if not id then return nil end
  local till = tonumber(redis.call('HGET', root .. 'endpoint:' .. handler, 'until')) or 0
  return math.max(0, due - now, till - now)
end

-- Have a slot that is free look at a handler's next delivery when its time comes. With none free, the
-- first looks again when it is.
local function stir(lane, handler)
  local delay = next_look(handler)
  if not delay then return end
  for k = 1, slots_of(lane) do
    local slot = handler .. '/' .. k
    if waits_for_place(lane, slot) then return end
    local busy = redis.call('HGET', root .. 'claims:' .. lane, slot)
      and tonumber(redis.call('ZSCORE', root .. 'due:' .. lane, slot) or 0) > now
    if not busy then return wake(lane, slot, delay) end
  end
  wake(lane, handler .. '/1', delay)
end

-- A delivery's place in what is listed by state.
local function list_delivery(id, handler, old, new)
  if old then
    redis.call('ZREM', root .. 'deliveries:state:' .. old, id)
    redis.call('ZREM', root .. 'deliveries:of:' .. handler .. ':' .. old, id)
  end
  if new then
    redis.call('ZADD', root .. 'deliveries:state:' .. new, 0, id)
    redis.call('ZADD', root .. 'deliveries:of:' .. handler .. ':' .. new, 0, id)
  end
end

-- The event stream is trimmed by time; a dead delivery keeps what it would be told again with.
local function keep_event(key, entry)
  local event = redis.call('XRANGE', root .. 'events', entry, entry)
  if event[1] then redis.call('HSET', key, 'kept', cjson.encode(event[1][2])) end
end

local function answer(...)
  local words = {...}
  for i = 1, #woken do words[#words + 1] = woken[i] end
  return words
end
