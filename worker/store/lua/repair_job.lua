-- Put one job back into every index its record says, out of every other, and give it a way forward.
-- ARGV[2]  job   ARGV[3]  its line   ARGV[4]  its score there   ARGV[5]  its tenant
-- Returns  how many places were wrong
local job, line, score, tenant = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local held = redis.call('HMGET', root .. 'job:' .. job, 'state', 'model', 'n')
local state, model = held[1], held[2]
if not state then return 0 end
local wrong = adopt(job, tenant)

local function belongs(index, there, at)
  local found = redis.call('ZSCORE', root .. index, job)
  if there and not found then
    redis.call('ZADD', root .. index, at, job)
    wrong = wrong + 1
  elseif found and not there then
    redis.call('ZREM', root .. index, job)
    wrong = wrong + 1
  end
end

if count_again(job, state) then wrong = wrong + 1 end
wrong = wrong + redis.call('SREM', root .. 'unreadable', job)
belongs('jobs', true, 0)
belongs('jobs:model:' .. model, true, 0)
belongs('jobs:tenant:' .. tenant, true, 0)
for _, name in ipairs({'queued', 'sending', 'unconfirmed', 'running', 'succeeded', 'failed', 'cancelled'}) do
  belongs('jobs:state:' .. name, name == state, 0)
end
belongs('ended', ENDED[state] == true, now)
local stands_aside = redis.call('ZSCORE', root .. 'aside', job)
if stands_aside and state ~= 'queued' then wrong = wrong + redis.call('ZREM', root .. 'aside', job) end
belongs('line:' .. line, state == 'queued' and not stands_aside, score)
if state == 'queued' then
  redis.call('HSET', root .. 'job:' .. job, 'line', line, 'score', score)
  redis.call('SADD', root .. 'lines', line)
  wake('line', 'line', 0)
end
if state ~= 'unconfirmed' then wrong = wrong + redis.call('SREM', root .. 'holding', job) end

-- Its way forward: a duty that nobody holds any more is made anew.
local duty = job .. '/' .. held[3]
local lane = ({sending = 'send', running = 'reconcile', unconfirmed = 'reconcile'})[state]
if lane and not redis.call('ZSCORE', root .. 'due:' .. lane, duty) then
  wake(lane, duty, 0)
  wrong = wrong + 1
end
for n = 1, tonumber(held[3]) do
  local raw = job .. '/' .. n
  if redis.call('EXISTS', root .. 'raw:' .. raw) == 1
    and not redis.call('ZSCORE', root .. 'due:intake', raw) then
    wake('intake', raw, 0)
    wrong = wrong + 1
  end
end
return wrong
