-- Removing records with all that is theirs.
-- uses: states, duties, deliveries, jobs, labels, ledger, waiting, lineage, groups

local function remove_delivery(id)
  local held = redis.call('HMGET', keys.delivery(id), 'job', 'handler', 'state')
  if held[1] then
    redis.call('SREM', keys.deliveries_of_job(held[1]), id)
    unlist_delivery(id, held[2], held[3])
  end
  redis.call('UNLINK', keys.delivery(id), keys.submits(id))
  redis.call('ZREM', keys.told(), id)
end

-- A model of which nobody, or a tenant, has jobs no more is none of theirs.
local function forget_model(tenant, model)
  for _, state in ipairs(STATES) do
    if redis.call('EXISTS', keys.listed(state, tenant, model)) == 1 then return end
  end
  redis.call('ZREM', keys.models(tenant), model)
end

local function leave_lists(job, state, model, tenant)
  redis.call('ZREM', keys.jobs_in_state(state), job)
  if unlist_job(job, state, model, tenant) < 2 then
    for _, other in ipairs(STATES) do unlist_job(job, other, model, tenant) end
  end
  if redis.call('EXISTS', keys.listed(state, tenant, model)) == 0 then
    forget_model('', model)
    forget_model(tenant, model)
  end
  leave_lists_of_before(job, model, tenant)
end

-- kept: the ms that what is known of its group outlives it where that has not ended.
local function remove_job(job, kept)
  local key = keys.job(job)
  local held = redis.call('HMGET', key, 'state', 'model', 'tenant', 'n', 'files', 'group')
  redis.call('ZREM', keys.ended(), job)
  redis.call('SREM', keys.unreadable(), job)
  if held[1] then
    leave_lists(job, held[1], held[2], held[3] or '')
    unlabel_job(job, held[3] or '')
    leave_ledger(job)
    fell(job)
    leave_group(job, held[3], held[6], kept)
    call_waiters(job)
    -- Not already at its end, which would cost every job what few have.
    retire('reconcile', 'expiry/' .. job)
    for n = 1, tonumber(held[4]) do
      local attempt = job .. '/' .. n
      redis.call('UNLINK', keys.raw(attempt), keys.unread(attempt), keys.heard(attempt))
    end
  end
  -- Not here: the place of files may be away, and then this duty waits for it.
  if held[5] then wake('archive', 'remove/' .. job, 0) end
  redis.call('UNLINK', key, keys.notes(job), keys.timeline(job), keys.deliveries_of_job(job),
    keys.submits(job))
end
