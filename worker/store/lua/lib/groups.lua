-- Groups of a tenant's jobs: `grouped:<state>:…` names those in a state, `group:…` says what is
-- known of it. Its end is told once, when it is closed and none of its jobs is under way.
-- uses: time, states, events, duties

local function is_under_way(tenant, group)
  for _, state in ipairs(STATES) do
    if not ENDED[state] and redis.call('EXISTS', keys.grouped(state, tenant, group)) == 1 then
      return true
    end
  end
  return false
end

local function tell_end(tenant, group)
  local counts = {}
  for _, state in ipairs(STATES) do
    counts[state] = redis.call('ZCARD', keys.grouped(state, tenant, group))
  end
  local made = redis.call('ZRANGE', keys.grouped('succeeded', tenant, group), 0,
    policy.GROUP_NAMED - 1)
  local event = redis.call('XADD', keys.events(), here(), 'v', records.VERSION, 'type',
    'group.ended', 'subject', group, 'tenant', tenant, 'counts', cjson.encode(counts),
    'succeeded', table.concat(made, ' '))
  wake('fanout', event, 0)
end

local function end_group(tenant, group)
  local key = keys.group(tenant, group)
  local held = redis.call('HMGET', key, 'closed', 'ended')
  if not held[1] or held[2] or is_under_way(tenant, group) then return end
  redis.call('HSET', key, 'ended', text(now))
  tell_end(tenant, group)
end

-- Whether a group takes no more jobs.
local function is_closed(tenant, group)
  return redis.call('HEXISTS', keys.group(tenant, group), 'closed') == 1
end

-- A new job, which is queued, is one of a group's. size: how many it is to have; batch: a line of a
-- batch makes it, and if that is the group's first the batch is known by it.
local function join_group(job, tenant, group, size, batch)
  local key = keys.group(tenant, group)
  if batch and redis.call('EXISTS', key) == 0 then redis.call('HSET', key, 'batch', job) end
  redis.call('HSET', keys.job(job), 'group', group)
  redis.call('ZADD', keys.grouped('queued', tenant, group), 0, job)
  local made = redis.call('HINCRBY', key, 'made', 1)
  if size then redis.call('HSETNX', key, 'size', size) end
  redis.call('PERSIST', key)  -- its jobs so far may have been removed
  size = tonumber(redis.call('HGET', key, 'size'))
  if size and made >= size then redis.call('HSET', key, 'closed', '1') end
end

-- A job of a group stands in the list of its state and in no other; how many lists were wrong.
local function regroup(job, state, tenant, group)
  local wrong = redis.call('ZADD', keys.grouped(state, tenant, group), 0, job)
  for _, other in ipairs(STATES) do
    if other ~= state then
      wrong = wrong + redis.call('ZREM', keys.grouped(other, tenant, group), job)
    end
  end
  return wrong
end

-- A job of a group has moved.
local function move_in_group(job, state, tenant, group)
  if not group then return end
  regroup(job, state, tenant, group)
  if ENDED[state] then end_group(tenant, group) end
end

-- A job of a group is no more; with the last one goes what is known of it. Where its end is still to
-- come that is kept as long as an ended job is (kept, ms): more jobs may join, and count on.
local function leave_group(job, tenant, group, kept)
  if not group then return end
  local left = 0
  for _, state in ipairs(STATES) do
    redis.call('ZREM', keys.grouped(state, tenant, group), job)
    left = left + redis.call('EXISTS', keys.grouped(state, tenant, group))
  end
  if left > 0 then return end
  local key = keys.group(tenant, group)
  if redis.call('HEXISTS', key, 'ended') == 1 then
    redis.call('UNLINK', key)
  else
    redis.call('PEXPIRE', key, kept)
  end
end
