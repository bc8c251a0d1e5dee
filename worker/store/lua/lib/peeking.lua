-- Who is next in the queue, or why nobody is.
-- uses: time, queue, breaker

-- Those whose time aside is over stand in their lines again.
local function return_from_aside()
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', keys.aside(), '-inf', now,
    'LIMIT', 0, policy.BACK_FROM_ASIDE_AT_ONCE)) do
    redis.call('ZREM', keys.aside(), job)
    local held = redis.call('HMGET', keys.job(job), 'state', 'line', 'score')
    if held[1] == 'queued' then stand(job, held[2], held[3], 0) end
  end
end

-- The first of a line that are not passed over, so many at most, each with its score; and whether
-- anybody stands there.
local function heads_of(line, most, passed, passed_count)
  local found = redis.call('ZRANGE', keys.line(line), 0, most + passed_count - 1, 'WITHSCORES')
  local heads = {}
  for i = 1, #found, 2 do
    if not passed[found[i]] and #heads < most then
      heads[#heads + 1] = {job = found[i], score = tonumber(found[i + 1])}
    end
  end
  return heads, found[1] ~= nil
end

-- The jobs with their records, as many as fit into one answer; one at least.
local function with_records(jobs)
  local found, bytes = {}, 0
  for _, head in ipairs(jobs) do
    local key = keys.job(head.job)
    bytes = bytes + redis.call('HSTRLEN', key, 'ask') + redis.call('HSTRLEN', key, 'life')
    if #found > 0 and bytes > policy.BROUGHT_BYTES then return found end
    found[#found + 1] = {head.job, redis.call('HGETALL', key)}
  end
  return found
end

-- limit: the one that is set by hand, or empty. jobs: those to pass over.
-- Returns  "paused" | "next", {{job, record}, ...}, whether others stand behind them, ms until one
--          comes back from aside or another line's breaker opens, or empty
--          | "ask", {{job, record}} (RunningHub must answer a free question first)
--          | "empty" | "full" | "doubt", how many run, {holding...}
--          | "gated", ms until a breaker opens or one comes back from aside | "probing"
local function peek(limit, jobs)
  if paused() then return {'paused'} end
  return_from_aside()
  local room = limit_of(limit) - in_flight()
  if room <= 0 then
    local holding = redis.call('SRANDMEMBER', keys.holding(), policy.ASKED_ABOUT_AT_ONCE)
    if #holding == 0 then return {'full'} end
    -- What is being sent may not be there yet, so it would hide an unconfirmed one that is.
    return {'doubt', text(redis.call('ZCARD', keys.jobs_in_state('running'))), holding}
  end
  local passed = {}
  for _, job in ipairs(jobs) do passed[job] = true end
  local most = math.min(room, policy.TURNS_AT_ONCE)
  local candidates, wait, probing = {}, nil, false
  local aside = redis.call('ZRANGE', keys.aside(), 0, 0, 'WITHSCORES')
  if aside[2] then wait = math.max(0, tonumber(aside[2]) - now) end
  local main, main_wait, main_ask = breaker_state('main')
  for _, line in ipairs(redis.call('SMEMBERS', keys.lines())) do
    -- One more, to know whether any stands behind those that go.
    local heads, somebody = heads_of(line, most + 1, passed, #jobs)
    if not somebody then redis.call('SREM', keys.lines(), line) end
    local word, ms = main, main_wait
    if line ~= 'main' and (word == 'open' or word == 'due') then
      local own, own_ms = breaker_state(line)
      if own ~= 'open' then word, ms = own, own_ms end
    end
    if heads[1] and word == 'closed' then
      wait = math.min(wait or ms, ms)
    elseif heads[1] and word == 'probing' then
      probing = true
    else
      for _, head in ipairs(heads) do
        head.alone = word == 'due'
        candidates[#candidates + 1] = head
      end
    end
  end
  if #candidates > 0 then
    table.sort(candidates, function(a, b) return a.score < b.score end)
    if main_ask then return {'ask', with_records({candidates[1]})} end
    local going = {}
    for _, head in ipairs(candidates) do
      if #going == most or (head.alone and #going > 0) then break end
      going[#going + 1] = head
      if head.alone then break end  -- it probes, and the others wait for what becomes of it
    end
    local found = with_records(going)
    return {'next', found, #found < #candidates and '1' or '', wait and text(wait) or ''}
  end
  if wait then return {'gated', text(wait)} end
  return {probing and 'probing' or 'empty'}
end
