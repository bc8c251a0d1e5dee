-- Places. `telling:<lane>` scores each slot that has a delivery in hand by when that counts as
-- lost, `slow:<lane>` by when it begins to count as slow, `unproved:<lane>` likewise where its
-- receiver is new. Who finds no place stands in `waiting:<lane>:<pace>`, scored by since when.
-- uses: time, wakeups, duties

-- What the release before did not count: while only its processes run, new ones have the common
-- places.
local function share_of_new(lane) return share(lane .. ':new') or share_of(lane .. ':common') end

local function slots_of(lane) return share_of(lane) end

-- Whoever stands in the others stands in `telling` too.
local function leave_place(lane, slot)
  if redis.call('ZREM', keys.telling(lane), slot) == 0 then return false end
  redis.call('ZREM', keys.slow(lane), slot)
  redis.call('ZREM', keys.unproved(lane), slot)
  return true
end

-- Mostly nobody waits. Whoever does from now on is called by what another script does.
local waited = {}
local function somebody_waits_for_place(lane)
  if waited[lane] == nil then
    local new, slow = keys.waiting(lane, 'new'), keys.waiting(lane, 'slow')
    waited[lane] = redis.call('EXISTS', new, slow) > 0
  end
  return waited[lane]
end

local function stop_waiting(lane, slot)
  if not somebody_waits_for_place(lane) then return end
  redis.call('ZREM', keys.waiting(lane, 'new'), slot)
  redis.call('ZREM', keys.waiting(lane, 'slow'), slot)
end

local function waits_for_place(lane, slot)
  if not somebody_waits_for_place(lane) then return false end
  local waits = redis.call('ZSCORE', keys.waiting(lane, 'new'), slot)
    or redis.call('ZSCORE', keys.waiting(lane, 'slow'), slot)
  return waits and redis.call('ZSCORE', keys.due(lane), slot)
end

-- Whether another receiver of this pace may take a place: "quick" always may.
local function has_place(lane, pace)
  if pace == 'quick' then return true end
  local lost = redis.call('ZRANGEBYSCORE', keys.telling(lane), '-inf', text(now))
  for _, slot in ipairs(lost) do leave_place(lane, slot) end
  local slow = redis.call('ZCOUNT', keys.slow(lane), '-inf', text(now))
  if pace == 'slow' then return slow < share_of(lane .. ':slow') end
  local new = redis.call('ZCOUNT', keys.unproved(lane), '(' .. text(now), '+inf')
  return slow + new < share_of_new(lane)
end

-- A place may be free: whoever has waited longest looks again, new receivers first, as most of them
-- will turn out to be quick.
local function call_waiting(lane)
  if not somebody_waits_for_place(lane) then return end
  for _, pace in ipairs({'new', 'slow'}) do
    local queue = keys.waiting(lane, pace)
    if redis.call('EXISTS', queue) == 1 and has_place(lane, pace) then
      wake(lane, redis.call('ZPOPMIN', queue)[1], 0)
    end
  end
end
