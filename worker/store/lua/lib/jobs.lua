-- Where a job stands, and whose it is.
-- uses: time, states, duties, turns, queue, breaker

-- Where jobs of a state are listed beside that state's own list, which also counts them.
local function lists_of(state, model, tenant)
  return keys.listed(state, '', model), keys.listed(state, tenant, model)
end

local function list_job(job, state, model, tenant)
  local everybodys, tenants = lists_of(state, model, tenant)
  return redis.call('ZADD', everybodys, 0, job) + redis.call('ZADD', tenants, 0, job)
end

local function unlist_job(job, state, model, tenant)
  local everybodys, tenants = lists_of(state, model, tenant)
  return redis.call('ZREM', everybodys, job) + redis.call('ZREM', tenants, job)
end

-- A job is listed where its record says, and nowhere else; how many lists were wrong.
local function relist_job(job, state, model, tenant)
  local wrong = redis.call('ZADD', keys.models(''), 0, model)
    + redis.call('ZADD', keys.models(tenant), 0, model)
  for _, other in ipairs(STATES) do
    if other ~= state then wrong = wrong + unlist_job(job, other, model, tenant) end
  end
  return wrong + list_job(job, state, model, tenant)
end

-- The record of a job in flight can be read again, or is to be tried: it stands where its state
-- says. Whether it stood apart.
local function count_again(job, state)
  if not IN_FLIGHT[state] or redis.call('SREM', keys.unreadable(), job) == 0 then return false end
  redis.call('ZADD', keys.jobs_in_state(state), 0, job)
  local held = redis.call('HMGET', keys.job(job), 'model', 'tenant')
  take_off(job, held[2] or '')
  if held[2] then list_job(job, state, held[1], held[2]) end
  if state == 'unconfirmed' then redis.call('SADD', keys.holding(), job) end
  return true
end

local function leave_state(job, state)
  -- One that stands in no state's list may stand apart, and whoever moves it could read it.
  if redis.call('ZREM', keys.jobs_in_state(state), job) == 0 and count_again(job, state) then
    redis.call('ZREM', keys.jobs_in_state(state), job)
  end
end

-- Where a tenant's job stands in every index. One that was in flight has left that state's list.
-- waits: outside the queue, for others. aside: as `stand`.
local function place(job, model, tenant, old, new, line, score, waits, aside)
  if old and not IN_FLIGHT[old] then redis.call('ZREM', keys.jobs_in_state(old), job) end
  redis.call('ZADD', keys.jobs_in_state(new), 0, job)
  if not old or unlist_job(job, old, model, tenant) == 2 then
    list_job(job, new, model, tenant)
  else
    relist_job(job, new, model, tenant)  -- an older process moved it, so it stands anywhere
  end
  if old == 'queued' and not leave_line(line, job, score, tenant, new == 'sending') then
    redis.call('ZREM', keys.aside(), job)
  end
  if new == 'queued' and not waits then stand(job, line, score, tenant, aside) end
  if new == 'unconfirmed' then
    redis.call('SADD', keys.holding(), job)
  elseif old == 'unconfirmed' then
    redis.call('SREM', keys.holding(), job)
  end
  if IN_FLIGHT[new] then
    if old ~= 'sending' then take_off(job, tenant) end  -- else it has
  elseif old and IN_FLIGHT[old] then
    land(job, tenant)
  end
  if ENDED[new] then
    redis.call('ZADD', keys.ended(), now, job)
    redis.call('HDEL', keys.job(job), 'line', 'score')
  elseif old and ENDED[old] then
    redis.call('ZREM', keys.ended(), job)
  end
  local made_room = old and IN_FLIGHT[old] and not IN_FLIGHT[new]
  if new == 'queued' or (made_room and somebody_stands()) then wake('line', 'line', 0) end
end

-- A job says whose it is, and is listed so; one that says so already stays whose it is.
local function adopt(job, tenant)
  if redis.call('HSETNX', keys.job(job), 'tenant', tenant) == 0 then return 0 end
  local held = redis.call('HMGET', keys.job(job), 'state', 'model', 'line', 'score')
  relist_job(job, held[1], held[2], tenant)
  -- What waited, or was in flight, as nobody's is now the tenant's.
  local score = held[3] and redis.call('ZSCORE', keys.line(held[3]), job)
  if score then
    drop_row(held[3], row_for('', score, job))
    wait_for_turn(held[3], job, score, tenant)
  end
  if redis.call('ZREM', keys.flight(), ' ' .. job) == 1 then take_off(job, tenant) end
  return 1
end

-- A new job's model is one of its tenant's.
local function know_model(job, model, tenant)
  redis.call('ZADD', keys.models(''), 0, model)
  redis.call('ZADD', keys.models(tenant), 0, model)
  -- Processes of the release before may still read their own lists.
  if redis.call('EXISTS', keys.jobs()) == 0 then return end
  redis.call('ZADD', keys.jobs(), 0, job)
  redis.call('ZADD', keys.jobs_of_model(model), 0, job)
  redis.call('ZADD', keys.jobs_of_tenant(tenant), 0, job)
end

local function leave_lists_of_before(job, model, tenant)
  if redis.call('ZREM', keys.jobs(), job) == 0 then return end
  redis.call('ZREM', keys.jobs_of_model(model), job)
  redis.call('ZREM', keys.jobs_of_tenant(tenant), job)
end

-- The slot of a job in flight whose record nobody can read is given back: only where it stands
-- changes, not what it is. Whether it was in flight.
local function give_back_slot(job)
  local stood = redis.call('SREM', keys.holding(), job)
  for state in pairs(IN_FLIGHT) do
    stood = stood + redis.call('ZREM', keys.jobs_in_state(state), job)
  end
  if stood == 0 then return false end
  land(job, tenant_of(job))
  redis.call('SADD', keys.unreadable(), job)
  local held = redis.call('HMGET', keys.job(job), 'state', 'model', 'tenant')
  if held[1] and held[3] then unlist_job(job, held[1], held[2], held[3]) end
  for _, line in ipairs(breakers_of(redis.call('HGET', keys.job(job), 'line') or 'main')) do
    release_probe(line, job)
  end
  wake('line', 'line', 0)
  return true
end
