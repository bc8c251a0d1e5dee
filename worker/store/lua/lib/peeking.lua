-- Who is next in the queue, or why nobody is.
-- uses: time, turns, mending, queue, breaker

-- Those whose time aside is over stand in their lines again.
local function return_from_aside()
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', keys.aside(), '-inf', now,
    'LIMIT', 0, policy.BACK_FROM_ASIDE_AT_ONCE)) do
    redis.call('ZREM', keys.aside(), job)
    local held = redis.call('HMGET', keys.job(job), 'state', 'line', 'score', 'tenant')
    if held[1] == 'queued' then stand(job, held[2], held[3], held[4] or '', 0) end
  end
end

-- Some of those that are held back may go on: the limit is another one now, or an older process ended
-- theirs. Which ones are looked at changes with the time.
local function look_at_held_back(line, look)
  local count = redis.call('ZCOUNT', keys.ring(line), policy.HELD_BACK, '+inf')
  if count == 0 then return end
  local from = now % math.max(1, count - policy.HELD_BACK_AT_ONCE + 1)
  for _, tenant in ipairs(redis.call('ZRANGEBYSCORE', keys.ring(line), policy.HELD_BACK, '+inf',
    'LIMIT', from, policy.HELD_BACK_AT_ONCE)) do
    if look.room(tenant) > 0 then
      hold_back(tenant, false)
      if count > policy.HELD_BACK_AT_ONCE then look.again = true end  -- others may go on as well
    end
  end
end

-- The first jobs of a tenant in a line, without those that are passed over; nil: it has none there.
local function jobs_of(line, tenant, look)
  local from, to = span_of(tenant)
  local found, read, rows = {}, 0, nil
  repeat  -- in pieces: thousands may be passed over
    rows = redis.call('ZRANGEBYLEX', keys.standing(line), from, to, 'LIMIT', read, look.most)
    local ids = {}
    for i, row in ipairs(rows) do ids[i] = row:match('%S+$') end
    local scores = rows[1] and redis.call('ZMSCORE', keys.line(line), unpack(ids))
    for i, row in ipairs(rows) do
      if not scores[i] then  -- an older process had it leave the line
        drop_row(line, row)
        look.again = true
      else
        read = read + 1
        if not look.passed[ids[i]] and #found < look.most then
          found[#found + 1] = {job = ids[i], score = tonumber(scores[i])}
        end
      end
    end
  until #found == look.most or #rows < look.most
  if read > 0 then return found end
  redis.call('ZREM', keys.ring(line), tenant)
  return nil
end

-- The first tenants of a line that may have a turn, each with its first jobs.
local function tenants_of(line, look)
  mend_line(line)
  look_at_held_back(line, look)
  local found, from = {}, 0
  while #found < look.most and look.patience > 0 do
    local page = redis.call('ZRANGEBYSCORE', keys.ring(line), '-inf', '(' .. policy.HELD_BACK,
      'WITHSCORES', 'LIMIT', from, look.most)
    for i = 1, #page, 2 do
      local tenant, room = page[i], look.room(page[i])
      local jobs = room > 0 and jobs_of(line, tenant, look)
      if room <= 0 then
        hold_back(tenant, true)
        look.patience = look.patience - 1
      elseif jobs then
        from = from + 1
        if jobs[1] then
          found[#found + 1] = {line = line, tenant = tenant, room = room, jobs = jobs, at = 1,
            turn = tonumber(page[i + 1]) % policy.PRIORITY_STEP}
        end
      end
    end
    if #page < 2 * look.most then return found end
  end
  if look.patience <= 0 then look.again = true end
  return found
end

-- Whose first job is before whose: by priority, then by turn; a tenant's own by age.
local function comes_before(one, other)
  local mine, its = one.jobs[one.at].score, other.jobs[other.at].score
  if class_of(mine) ~= class_of(its) then return mine < its end
  if one.turn ~= other.turn then return one.turn < other.turn end
  return mine < its
end

-- The jobs that go next, so many at most, if each that goes has its tenant stand last.
local function in_turns(tenants, most)
  local going, taken = {}, {}
  while #going < most do
    local first
    for _, one in ipairs(tenants) do
      local may = one.jobs[one.at] and (taken[one.tenant] or 0) < one.room
      if may and (not first or comes_before(one, first)) then first = one end
    end
    if not first then return going end
    local head, tenant = first.jobs[first.at], first.tenant
    head.alone = first.alone
    going[#going + 1] = head
    first.at = first.at + 1
    taken[tenant] = (taken[tenant] or 0) + 1
    for _, one in ipairs(tenants) do
      if one.tenant == tenant then one.turn = policy.LATEST_TURN + #going end
    end
  end
  return going
end

-- order: {limit, each, passed}: the limits of all together and of one tenant, or empty, and jobs to
-- pass over. room: slots that are free. What a look at the queue goes by.
local function look_of(order, room)
  local each, passed, rooms = tonumber(order.each), {}, {}
  for _, job in ipairs(order.passed) do passed[job] = true end
  local function room_of(tenant)
    if not each then return math.huge end
    rooms[tenant] = rooms[tenant] or each - flying(tenant)
    return rooms[tenant]
  end
  -- One more than may go, to know whether any stands behind those that do.
  return {most = math.min(room, policy.TURNS_AT_ONCE) + 1, passed = passed, room = room_of,
    patience = policy.HELD_BACK_IN_ONE_LOOK, again = false}
end

-- The jobs with their records, as many as fit into one answer; one at least.
local function with_records(jobs)
  local found, bytes = {}, 0
  for _, head in ipairs(jobs) do
    local record = redis.call('HGETALL', keys.job(head.job))
    for i = 2, #record, 2 do bytes = bytes + #record[i] end
    if #found > 0 and bytes > policy.BROUGHT_BYTES then return found end
    found[#found + 1] = {head.job, record}
  end
  return found
end

-- Unconfirmed jobs hold slots, so that nobody is next: how many run, and some that do. Nil: none does.
local function doubt()
  local holding = redis.call('SRANDMEMBER', keys.holding(), policy.ASKED_ABOUT_AT_ONCE)
  if #holding == 0 then return nil end
  -- What is being sent may not be there yet, so it would hide an unconfirmed one that is.
  return {'doubt', text(redis.call('ZCARD', keys.jobs_in_state('running'))), holding}
end

local function any_held_back()
  for _, line in ipairs(all_lines()) do
    if redis.call('ZCOUNT', keys.ring(line), policy.HELD_BACK, '+inf') > 0 then return true end
  end
  return false
end

-- Whether unconfirmed jobs may take the room that others of their tenant wait for.
local function is_doubtful(tenants)
  if redis.call('SCARD', keys.holding()) == 0 then return false end
  for _, one in ipairs(tenants) do
    if one.jobs[one.at] then return true end
  end
  return any_held_back()
end

-- Why nobody is next. Unconfirmed jobs are asked about first: what others wait for may take hours.
local function nobody(look, main, wait, probing)
  if look.again then return {'next', {}, '1', ''} end
  local held = any_held_back()
  -- While the breaker is open for all, it is asked when that closes, if anybody looks then.
  local asked = held and not (main == 'closed' and wait) and doubt()
  if asked then return asked end
  if wait then return {'gated', text(wait)} end
  if probing then return {'probing'} end
  return {held and 'limited' or 'empty'}
end

-- order: as look_of has it.
-- Returns  "paused" | "next", {{job, record}, ...}, whether others stand behind them, ms until one
--          comes back from aside or another line's breaker opens, or empty
--          | "ask", {{job, record}} (RunningHub must answer a free question first)
--          | "empty" | "full" | "doubt", how many run, {holding...}
--          | "limited" (all that wait have as many in flight as they may)
--          | "gated", ms until a breaker opens or one comes back from aside | "probing"
local function peek(order)
  if paused() then return {'paused'} end
  return_from_aside()
  local taken = in_flight()
  local room = limit_of(order.limit) - taken
  if room <= 0 then return doubt() or {'full'} end
  if redis.call('ZCARD', keys.flight()) ~= taken then count_flight() end
  local look = look_of(order, room)
  local tenants, wait, probing = {}, nil, false
  local aside = redis.call('ZRANGE', keys.aside(), 0, 0, 'WITHSCORES')
  if aside[2] then wait = math.max(0, tonumber(aside[2]) - now) end
  local main, main_wait, main_ask = breaker_state('main')
  for _, line in ipairs(all_lines()) do
    local here = tenants_of(line, look)
    if redis.call('ZCARD', keys.line(line)) == 0 then remove_line(line) end
    local word, ms = main, main_wait
    if line ~= 'main' and (word == 'open' or word == 'due') then
      local own, own_ms = breaker_state(line)
      if own ~= 'open' then word, ms = own, own_ms end
    end
    if here[1] and word == 'closed' then
      wait = math.min(wait or ms, ms)
    elseif here[1] and word == 'probing' then
      probing = true
    else
      for _, one in ipairs(here) do
        one.alone = word == 'due'
        tenants[#tenants + 1] = one
      end
    end
  end
  local candidates = in_turns(tenants, look.most)
  if #candidates == 0 then return nobody(look, main, wait, probing) end
  if main_ask then return {'ask', with_records({candidates[1]})} end
  local going = {}
  for _, head in ipairs(candidates) do
    if #going == look.most - 1 or (head.alone and #going > 0) then break end
    going[#going + 1] = head
    if head.alone then break end  -- it probes, and the others wait for what becomes of it
  end
  local found = with_records(going)
  -- Of those whose time aside is over only so many come back in one look.
  local more = look.again or wait == 0 or #found < #candidates or is_doubtful(tenants)
  return {'next', found, more and '1' or '', wait and text(wait) or ''}
end
