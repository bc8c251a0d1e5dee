-- Put one job back into every index its record says, out of every other, and give it a way forward.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its line
-- ARGV[4]  its score there
-- ARGV[5]  its tenant
-- Returns  how many places were wrong
-- uses: time, states, duties, turns, jobs, labels, waiting, lineage, groups

local job, line, score, tenant = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local held = redis.call('HMGET', keys.job(job), 'state', 'model', 'n', 'waits', 'group')
local state, model = held[1], held[2]
if not state then return 0 end
local wrong = adopt(job, tenant)

local function belongs(index, there, at)
  local found = redis.call('ZSCORE', index, job)
  if there and not found then
    redis.call('ZADD', index, at, job)
    wrong = wrong + 1
  elseif found and not there then
    redis.call('ZREM', index, job)
    wrong = wrong + 1
  end
end

if count_again(job, state) then wrong = wrong + 1 end
wrong = wrong + redis.call('SREM', keys.unreadable(), job)
wrong = wrong + relist_job(job, state, model, tenant) + label_job(job, tenant)
for _, name in ipairs(STATES) do
  belongs(keys.jobs_in_state(name), name == state, 0)
end
belongs(keys.ended(), ENDED[state] == true, now)
local stands_aside, waits = redis.call('ZSCORE', keys.aside(), job), held[4]
if stands_aside and (waits or state ~= 'queued') then
  wrong = wrong + redis.call('ZREM', keys.aside(), job)
end
belongs(keys.line(line), state == 'queued' and not stands_aside and not waits, score)
wrong = wrong + hang(job)
if held[5] then
  wrong = wrong + regroup(job, state, tenant, held[5])
  end_group(tenant, held[5])
end
for other in (waits or ''):gmatch('%S+') do
  belongs(keys.waiters(other), true, 0)
  local ended = redis.call('HGET', keys.job(other), 'state')
  if not ended or ENDED[ended] then call_waiters(other) end
end
if state == 'queued' and not waits then
  redis.call('HSET', keys.job(job), 'line', line, 'score', score)
  add_line(line)
  if not stands_aside then wrong = wrong + wait_for_turn(line, job, score, tenant_of(job)) end
  wake('line', 'line', 0)
end
if state ~= 'unconfirmed' then wrong = wrong + redis.call('SREM', keys.holding(), job) end

-- Its way forward: a duty that nobody holds any more is made anew.
local duty = job .. '/' .. held[3]
local lane = ({sending = 'send', running = 'reconcile', unconfirmed = 'reconcile'})[state]
if lane and not redis.call('ZSCORE', keys.due(lane), duty) then
  wake(lane, duty, 0)
  wrong = wrong + 1
end
for n = 1, tonumber(held[3]) do
  local raw = job .. '/' .. n
  if redis.call('EXISTS', keys.raw(raw)) == 1
    and not redis.call('ZSCORE', keys.due('intake'), raw) then
    wake('intake', raw, 0)
    wrong = wrong + 1
  end
end
return wrong
