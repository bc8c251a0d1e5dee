-- Turns. The jobs of a line stand in `line:<line>`, and tenant by tenant in `standing:<line>`, which is
-- made right by it: processes of the release before write the line only. `ring:<line>` scores the tenants
-- by the priority of their first job and by their turn, a token: whoever was served last stands last. One
-- that has as many in flight as it may is held back, behind all others, until one of those ends. A turn is
-- the tenant's in all lines.
-- uses: fence, duties

-- A tenant's rows in a list that is ordered by texts: no name has a space, and "!" is next behind it.
local function span_of(tenant) return '[' .. tenant .. ' ', '(' .. tenant .. '!' end

-- Every line in which a job may stand, asked for once.
local known_lines
local function all_lines()
  known_lines = known_lines or redis.call('SMEMBERS', keys.lines())
  return known_lines
end

local function add_line(line)
  if redis.call('SADD', keys.lines(), line) == 1 then known_lines = nil end
end

local function remove_line(line)
  redis.call('SREM', keys.lines(), line)
  known_lines = nil
end

local function tenant_of(job) return redis.call('HGET', keys.job(job), 'tenant') or '' end

local function row_for(tenant, score, job)
  return tenant .. ' ' .. string.format('%015.0f', tonumber(score)) .. ' ' .. job
end

-- What a score says of the priority, without the rest.
local function class_of(score) return score - score % policy.PRIORITY_STEP end

local function in_ring(line, tenant)
  return tonumber(redis.call('ZSCORE', keys.ring(line), tenant) or -1)
end

local function first_score(line, tenant)
  local from, to = span_of(tenant)
  local row = redis.call('ZRANGEBYLEX', keys.standing(line), from, to, 'LIMIT', 0, 1)[1]
  return row and tonumber(row:match(' (%d+) %S+$'))
end

-- The turn of whoever is served by this script: behind all others.
local last_turn
local function turn_behind()
  last_turn = last_turn or next_token()
  return last_turn
end

-- A tenant stands in the ring as its first job says, or no more. served: it had its turn.
local function settle_in_ring(line, tenant, served)
  local held = in_ring(line, tenant)
  if held < 0 then return end
  local first = first_score(line, tenant)
  if not first then return redis.call('ZREM', keys.ring(line), tenant) end
  local back = held >= policy.HELD_BACK and policy.HELD_BACK or 0
  local turn = served and turn_behind() or held % policy.PRIORITY_STEP
  local score = class_of(first) + turn + back
  if score ~= held then redis.call('ZADD', keys.ring(line), score, tenant) end
end

-- The turn that a tenant has in any line, or one behind all others.
local function turn_of(tenant)
  for _, line in ipairs(all_lines()) do
    local held = in_ring(line, tenant)
    if held >= 0 then return held % policy.PRIORITY_STEP end
  end
  return next_token()
end

-- A job that stands in a line waits for its tenant's turn. 1: that was not known.
local function wait_for_turn(line, job, score, tenant)
  local new = redis.call('ZADD', keys.standing(line), 0, row_for(tenant, score, job))
  local held, class = in_ring(line, tenant), class_of(tonumber(score))
  if held < 0 then
    redis.call('ZADD', keys.ring(line), class + turn_of(tenant), tenant)
  elseif class_of(held % policy.HELD_BACK) > class then
    settle_in_ring(line, tenant)
  end
  return new
end

-- A row is no more.
local function drop_row(line, row)
  redis.call('ZREM', keys.standing(line), row)
  settle_in_ring(line, row:match('^(%S*) '))
end

-- A job stands in its line no more. served: it had its tenant's turn, and the others are next.
-- Returns whether it did: else it stood aside, or waited for others.
local function leave_line(line, job, score, tenant, served)
  if redis.call('ZREM', keys.line(line), job) == 0 then return false end
  redis.call('ZREM', keys.standing(line), row_for(tenant, score, job))
  if served then
    for _, other in ipairs(all_lines()) do settle_in_ring(other, tenant, true) end
  else
    settle_in_ring(line, tenant)
    look_again('line', 'line')  -- it may have been its turn, which is another's now
  end
  return true
end

local function flying(tenant) return redis.call('ZLEXCOUNT', keys.flight(), span_of(tenant)) end

-- Hold a tenant back in every line, or let it go on.
local function hold_back(tenant, back)
  for _, line in ipairs(all_lines()) do
    local held = in_ring(line, tenant)
    if held >= 0 and (held >= policy.HELD_BACK) ~= back then
      redis.call('ZADD', keys.ring(line), held % policy.HELD_BACK + (back and policy.HELD_BACK or 0),
        tenant)
    end
  end
end

local function take_off(job, tenant) redis.call('ZADD', keys.flight(), 0, tenant .. ' ' .. job) end

local function land(job, tenant)
  if redis.call('ZREM', keys.flight(), tenant .. ' ' .. job) == 1 then hold_back(tenant, false) end
end
