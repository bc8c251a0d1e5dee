-- Wake each lane in which something is due and too few work. One process at a time pumps, by a
-- lease.
-- KEYS[1]  the root of every key
-- ARGV[2]  process
-- ARGV[3]  lease in ms
-- ARGV[4]  the process, as its mark is named
-- ARGV[5]  the highest token that it was given
-- ARGV[6]  {lane, ...} that are looked at whatever `soon` says; with any, the process's mark is kept
--          for as long again
-- ARGV[7]  {lane, ...} where what is due gathers for a moment
-- Returns  "pumped" | "other" | "backwards" (Redis lost writes), how many wake-ups, the number of
--          the last loss
-- uses: time, fence, wakeups

local lanes, gathers = cjson.decode(ARGV[6]), {}
for _, lane in ipairs(cjson.decode(ARGV[7])) do gathers[lane] = true end
local loss = redis.call('HGET', keys.queue_settings(), 'losses') or '0'
if went_back(ARGV[4], ARGV[5]) then return answer('backwards', '0', loss) end
if lanes[1] and ARGV[5] ~= '0' then
  redis.call('PEXPIRE', keys.hands(ARGV[4]), policy.MARK_KEPT_MS)
end
local holder = redis.call('GET', keys.pump())
if holder and holder ~= ARGV[2] then return answer('other', '0', loss) end
redis.call('SET', keys.pump(), ARGV[2], 'PX', ARGV[3])

-- Forget those who are not surely there: killed at their work, or of a clock that was ahead.
local function forget_the_gone(key, sure)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now))
  redis.call('ZREMRANGEBYSCORE', key, '(' .. text(now + sure), '+inf')
end

local function wake_for(lane, due)
  forget_the_gone(keys.drainers(lane), policy.DRAINER_SURE_MS)
  forget_the_gone(keys.idle(lane), policy.LINGER_MS)
  local wanted = math.min(missing(lane, due), policy.WOKEN_AT_ONCE)
  if wanted <= 0 then return 0 end
  post(lane, redis.call('ZRANGEBYSCORE', keys.due(lane), '-inf', text(now), 'LIMIT', 0, wanted))
  return wanted
end

local function gathers_for(lane)
  if not gathers[lane] then return 0 end
  return at_work(lane) > 0 and policy.GATHERS_BUSY_MS or policy.GATHERS_MS
end

local posted = 0
local function look(lane)
  local first = redis.call('ZRANGE', keys.due(lane), 0, 0, 'WITHSCORES')[2]
  if not first then return redis.call('ZREM', keys.soon(), lane) end
  redis.call('ZADD', keys.soon(), first, lane)
  local due = redis.call('ZCOUNT', keys.due(lane), '-inf', text(now - gathers_for(lane)))
  if due > 0 then posted = posted + wake_for(lane, due) end
end

for _, lane in ipairs(redis.call('ZRANGEBYSCORE', keys.soon(), '-inf', text(now))) do look(lane) end
for _, lane in ipairs(lanes) do look(lane) end
return answer('pumped', text(posted), loss)
