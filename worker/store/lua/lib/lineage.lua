-- What grew from a job: `children:<job>` names those right below it, `tree:…` all of a tree.
-- uses: states

-- A job hangs below those that its hash names, as far as they are there; how often it did not.
local function hang(job)
  local held, wrong = redis.call('HMGET', keys.job(job), 'above', 'tree'), 0
  for other in (held[1] or ''):gmatch('%S+') do
    if redis.call('EXISTS', keys.job(other)) == 1 then
      wrong = wrong + redis.call('ZADD', keys.children(other), 0, job)
    end
  end
  local first = held[2]
  if not first then return wrong end
  if redis.call('EXISTS', keys.job(first)) == 1 then redis.call('ZADD', keys.tree(first), 0, first) end
  return wrong + redis.call('ZADD', keys.tree(first), 0, job)
end

-- first: what its whole tree grew from; above: its parent and the jobs whose outputs it names.
local function grow(job, first, above)
  redis.call('HSET', keys.job(job), 'above', table.concat(above, ' '))
  if first ~= job then redis.call('HSET', keys.job(job), 'tree', first) end
  return hang(job)
end

-- Whether two lists have anybody in common. Before Redis 7 all that they have tell.
local function have_in_common(one, other)
  local found = redis.pcall('ZINTERCARD', 2, one, other, 'LIMIT', 1)
  if type(found) == 'table' then found = #redis.call('ZINTER', 2, one, other) end
  return found > 0
end

-- Whether a job right below it has not ended: that may still need what it made.
local function is_needed(job)
  local below = keys.children(job)
  if redis.call('EXISTS', below) == 0 then return false end  -- as of most
  for _, state in ipairs(STATES) do
    if not ENDED[state] and have_in_common(below, keys.jobs_in_state(state)) then return true end
  end
  return false
end

-- A job is no more; what grew from it stays, and knows its name.
local function fell(job)
  local held = redis.call('HMGET', keys.job(job), 'above', 'tree')
  for other in (held[1] or ''):gmatch('%S+') do redis.call('ZREM', keys.children(other), job) end
  redis.call('ZREM', keys.tree(held[2] or job), job)
  redis.call('UNLINK', keys.children(job))
end
