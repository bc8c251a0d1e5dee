-- Who is next, or why nobody is.
-- KEYS[1]  the root of every key
-- ARGV[2]  the limit that is set by hand, or empty
-- ARGV[3...]  jobs to pass over
-- Returns  "paused" | "next", job | "ask", job (RunningHub must answer a free question first)
--          | "empty" | "full" | "doubt", how many run, holding...
--          | "gated", ms until a gate opens or one comes back from aside | "probing"
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

if paused() then return {'paused'} end
return_from_aside()
if in_flight() >= limit_of(ARGV[2]) then
  local holding = redis.call('SRANDMEMBER', keys.holding(), policy.ASKED_ABOUT_AT_ONCE)
  if #holding == 0 then return {'full'} end
  -- What is being sent may not be there yet, so it would hide an unconfirmed one that is.
  return {'doubt', text(redis.call('ZCARD', keys.jobs_in_state('running'))), unpack(holding)}
end
local passed = {}
for i = 3, #ARGV do passed[ARGV[i]] = true end

-- The first of a line that is not passed over, and its score.
local function head_of(line)
  local found = redis.call('ZRANGE', keys.line(line), 0, #ARGV - 2, 'WITHSCORES')
  for i = 1, #found, 2 do
    if not passed[found[i]] then return {found[i], found[i + 1]} end
  end
  return {nil, nil, all_passed = found[1] ~= nil}
end

local best, best_score, wait, probing
local aside = redis.call('ZRANGE', keys.aside(), 0, 0, 'WITHSCORES')
if aside[2] then wait = math.max(0, tonumber(aside[2]) - now) end
local main, main_wait, main_ask = breaker_state('main')
for _, line in ipairs(redis.call('SMEMBERS', keys.lines())) do
  local head = head_of(line)
  if not head[1] then
    if not head.all_passed then redis.call('SREM', keys.lines(), line) end
  else
    local word, ms = main, main_wait
    if line ~= 'main' and (word == 'open' or word == 'due') then
      local own, own_ms = breaker_state(line)
      if own ~= 'open' then word, ms = own, own_ms end
    end
    if word == 'closed' then
      wait = math.min(wait or ms, ms)
    elseif word == 'probing' then
      probing = true
    elseif not best or tonumber(head[2]) < best_score then
      best, best_score = head[1], tonumber(head[2])
    end
  end
end
if best then return {main_ask and 'ask' or 'next', best} end
if wait then return {'gated', text(wait)} end
return {probing and 'probing' or 'empty'}
