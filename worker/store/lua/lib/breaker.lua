-- The circuit breakers before RunningHub: `main` for everybody and one for each other line.
-- The numbers are domain/policy's; the steps are taken here, in the script that writes what they
-- follow from, for a breaker that is read first and set later would cost a round trip on the paid
-- path.
-- uses: time, duties, queue

-- until, step, probe, ask, why, advice. No hash: it has not tripped. Each is asked for once.
local tripped = {}
local function breaker_of(line)
  if tripped[line] == nil then
    local g = redis.call('HMGET', keys.gate(line), 'until', 'step', 'probe', 'ask')
    tripped[line] = g[1] and
      {till = tonumber(g[1]), step = tonumber(g[2]), probe = g[3] or '', ask = g[4] == '1'}
  end
  return tripped[line]
end

local function write_breaker(line, ...)
  redis.call('HSET', keys.gate(line), ...)
  tripped[line] = nil
end

-- Returns the ms that the job stands aside: if it was the probe and others wait, one of them probes
-- next.
-- advice: what the account's owner must do, or empty.
local function trip_breaker(line, job, ask, why, advice)
  local gate = breaker_of(line)
  if gate and gate.probe ~= job and (gate.till > now or gate.probe ~= '') then
    if ask then write_breaker(line, 'ask', '1') end
    -- Whoever looked since may have put the duty down; what trips it once more may be in doubt.
    if gate.till > now then wake('line', 'line', gate.till - now) end
    return 0
  end
  local step = gate and gate.step or policy.GATE_FIRST_MS
  local probed = gate and gate.probe == job
  if probed then step = math.min(step * 2, policy.GATE_LAST_MS) end
  local asks = (ask or (gate and gate.ask)) and '1' or '0'
  write_breaker(line, 'until', text(now + step), 'step', text(step), 'probe', '', 'ask', asks,
    'why', why, 'advice', advice)
  wake('line', 'line', step)
  return probed and somebody_waits() and math.floor(step * policy.PROBE_ASIDE_STEPS) or 0
end

local function reset_breaker(line)
  if redis.call('DEL', keys.gate(line)) == 1 then wake('line', 'line', 0) end
  tripped[line] = false
end

local function release_probe(line, job)
  if redis.call('HGET', keys.gate(line), 'probe') == job then
    write_breaker(line, 'probe', '')
    wake('line', 'line', 0)
  end
end

-- "open", "closed" with the ms to wait, or "probing".
local function breaker_state(line)
  local gate = breaker_of(line)
  if not gate then return 'open', 0, false end
  if gate.till > now then return 'closed', gate.till - now, gate.ask end
  if gate.probe ~= '' then return 'probing', 0, gate.ask end
  return 'due', 0, gate.ask
end

local function breakers_of(line) return line == 'main' and {'main'} or {'main', line} end

-- Whether any keeps a job of the line back, which is not its probe.
local function has_tripped(line, job)
  for _, name in ipairs(breakers_of(line)) do
    local gate = breaker_of(name)
    if gate and gate.probe ~= job then return true end
  end
  return false
end

-- Whether a job that took its turn may still leave: the queue is not paused, and none has tripped
-- since, or it is the probe.
local function lets_through(line, job) return not paused() and not has_tripped(line, job) end
