-- Waking a lane: a Celery message that says "this lane has work", and where to begin. It is pushed
-- where broker and state share this Redis; where they do not, a script returns what it woke, lane and
-- duty, and its caller posts the message.
--
-- `drainers:<lane>` scores whoever works through a lane's due duties by until when it surely does.
-- It takes what becomes due meanwhile, so a busy lane costs no message a duty.
--
-- ARGV[1]  begins with "p" if the caller posts what `woken` names. A door does not wait for another
--          broker, and leaves it to the pump
-- uses: time, fence

local POSTS = ARGV[1]:sub(1, 1) == 'p'
local woken = {}

-- A share of a lane's places or threads as processes last counted them, each asked for once.
local shares = {}
local function share(name)
  if shares[name] == nil then
    shares[name] = tonumber(redis.call('HGET', keys.slots(), name)) or false
  end
  return shares[name]
end

-- One before any did.
local function share_of(name) return share(name) or 1 end

-- How many surely work through a lane. None is sure for longer: a score beyond that is of a clock that
-- was ahead.
local function at_work(lane)
  local sure = text(now + policy.DRAINER_SURE_MS)
  return redis.call('ZCOUNT', keys.drainers(lane), '(' .. text(now), sure)
end

-- How many more wake-ups so many duties need: not more than there are threads for them, or `most`.
local function missing(lane, due, most)
  most = most or share_of(lane .. ':drainers')
  local waiting = redis.call('LLEN', keys.queue(lane))
  if waiting >= most then return 0 end
  return math.min(due, most) - waiting - at_work(lane)
end

-- A message for each of these duties. Whoever gets it begins with that one, if it is due still, and
-- goes on with what has been due longest; a worker of the release before looks at that one only.
local function post(lane, duties)
  if #duties == 0 then return end
  local message = redis.call('HGET', keys.wakeups(), lane)
  if message then
    for _, id in ipairs(duties) do
      -- Two that wait together need names of their own: Celery and Flower tell them apart by those.
      local filled = message:gsub('@DUTY@', id):gsub('@TAG@', id .. '#' .. next_token())
      redis.call('LPUSH', keys.queue(lane), filled)
    end
  elseif POSTS then
    for _, id in ipairs(duties) do woken[#woken + 1] = lane .. ' ' .. id end
  end
end

-- Call a drainer that waits for work, if one does. `idle:<lane>` scores each by until when it waits
-- at its own bell: a list, so that what was rung before it listens is not lost.
local nobody_idle = {}
local function ring(lane)
  if nobody_idle[lane] then return false end
  local first = redis.call('ZRANGEBYSCORE', keys.idle(lane), '(' .. text(now),
    text(now + policy.LINGER_MS), 'LIMIT', 0, 1)[1]
  if not first then
    nobody_idle[lane] = true
    return false
  end
  redis.call('ZREM', keys.idle(lane), first)
  redis.call('ZADD', keys.drainers(lane), now + policy.DRAINER_SURE_MS, first)
  redis.call('RPUSH', keys.bell(first), '')
  redis.call('PEXPIRE', keys.bell(first), policy.DRAINER_SURE_MS)
  return true
end

-- short: few drainers are enough, for they are back before others were called.
local enough = {}
local function wake_lane(lane, id, short)
  if ring(lane) then return end
  local most = share_of(lane .. (short and ':short' or ':drainers'))
  if enough[lane] == most then return end
  if missing(lane, math.huge, most) > 0 then
    post(lane, {id})
  else
    enough[lane] = most
  end
end

-- A drainer works through a lane no more, or stands for no other while it is away.
local function drain_no_more(lane, me)
  redis.call('ZREM', keys.drainers(lane), me)
  enough[lane] = nil
end

local function answer(...)
  local words = {...}
  for i = 1, #woken do words[#words + 1] = woken[i] end
  return words
end
