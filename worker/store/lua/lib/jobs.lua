-- Where a job stands, and whose it is.
-- uses: time, states, duties, queue, breaker

-- Where a job stands in every index. `line`, `score` and `aside` are given when it is queued.
local function place(job, model, old, new, line, score, aside)
  if old then redis.call('ZREM', keys.jobs_in_state(old), job) end
  redis.call('ZADD', keys.jobs_in_state(new), 0, job)
  if old == 'queued' then
    redis.call('ZREM', keys.line(line), job)
    redis.call('ZREM', keys.aside(), job)
  end
  if new == 'queued' then stand(job, line, score, aside or 0) end
  if new == 'unconfirmed' then
    redis.call('SADD', keys.holding(), job)
  elseif old == 'unconfirmed' then
    redis.call('SREM', keys.holding(), job)
  end
  if ENDED[new] then
    redis.call('ZADD', keys.ended(), now, job)
  elseif old and ENDED[old] then
    redis.call('ZREM', keys.ended(), job)
  end
  if new == 'queued' or (old and IN_FLIGHT[old] and not IN_FLIGHT[new]) then
    wake('line', 'line', 0)
  end
end

-- A job says whose it is, and is listed so; one that says so already stays whose it is.
local function adopt(job, tenant)
  if redis.call('HSETNX', keys.job(job), 'tenant', tenant) == 0 then return 0 end
  redis.call('ZADD', keys.jobs_of_tenant(tenant), 0, job)
  return 1
end

-- The slot of a job in flight whose record nobody can read is given back: only where it stands
-- changes, not what it is. Whether it was in flight.
local function give_back_slot(job)
  local stood = redis.call('SREM', keys.holding(), job)
  for state in pairs(IN_FLIGHT) do
    stood = stood + redis.call('ZREM', keys.jobs_in_state(state), job)
  end
  if stood == 0 then return false end
  redis.call('SADD', keys.unreadable(), job)
  for _, line in ipairs(breakers_of(redis.call('HGET', keys.job(job), 'line') or 'main')) do
    release_probe(line, job)
  end
  wake('line', 'line', 0)
  return true
end

-- The record of a job in flight can be read again, or is to be tried: it stands where its state
-- says. Whether it stood apart.
local function count_again(job, state)
  if not IN_FLIGHT[state] or redis.call('SREM', keys.unreadable(), job) == 0 then return false end
  redis.call('ZADD', keys.jobs_in_state(state), 0, job)
  if state == 'unconfirmed' then redis.call('SADD', keys.holding(), job) end
  return true
end
