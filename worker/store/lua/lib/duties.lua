-- Duties. `due:<lane>` scores each by when somebody must look. `claims:<lane>` says who holds one:
-- "h<token>/<nonce>" the claimer of that nonce; "h<token>/<nonce>+<ms>" it was woken meanwhile, for
-- that time. `failures:<lane>` counts how often in a row it failed, `parked:<lane>` says of those
-- that failed too often when that was, and why.
-- uses: time, wakeups

-- The release before marked with "p" what it had posted a message for; such a duty is not held.
local HELD = '^h(%d+)/(%x*)%+?(%d*)$'

-- When somebody must look at a duty. `soon` scores its lane no later: by that the pump knows where to
-- look.
local soonest = {}
local function look_by(lane, at)
  if at >= (soonest[lane] or math.huge) then return end
  redis.call('ZADD', keys.soon(), 'LT', at, lane)
  soonest[lane] = at
end

local function set_due(lane, id, at)
  redis.call('ZADD', keys.due(lane), at, id)
  look_by(lane, at)
end

-- Whether telling a handler takes less than calling somebody to do it.
local function is_short(lane, took)
  return lane == 'handlers' and took ~= nil and took < policy.TOLD_AT_ONCE
end

-- The same of a slot of its, by how long it usually takes.
local function is_short_slot(lane, id)
  if lane ~= 'handlers' then return false end
  local took = redis.pcall('HGET', keys.endpoint(id:match('^(.*)/') or id), 'took')
  return is_short(lane, tonumber(took))
end

-- Of those that are short, some share a wake-up: whoever comes goes on with the others.
local sharing = {}
local function call_for(lane, id, short)
  local others = sharing[lane] or 0
  if short then sharing[lane] = (others + 1) % policy.TOLD_TOGETHER end
  if not short or others == 0 then wake_lane(lane, id, short) end
end

-- A duty is due. Of what was due before, its lane was woken then, or the pump wakes it.
local function make_due(lane, id, score, short)
  if score and tonumber(score) <= now then return end
  set_due(lane, id, now)
  if score then redis.call('HDEL', keys.claims(lane), id) end
  call_for(lane, id, short)
end

-- score: when it is due, where the caller has just looked.
local function wake(lane, id, delay, short, score)
  local claims = keys.claims(lane)
  score = score or redis.call('ZSCORE', keys.due(lane), id)
  local token, nonce, wished
  if score then token, nonce, wished = (redis.call('HGET', claims, id) or ''):match(HELD) end
  -- Also of a holder whose lease ran out: should it put the duty down after all, it goes on.
  if token then
    local wish, before = now + math.max(delay, 0), tonumber(wished) or math.huge
    if wish < before then
      redis.call('HSET', claims, id, 'h' .. token .. '/' .. nonce .. '+' .. text(wish))
    end
  elseif delay <= 0 then
    make_due(lane, id, score, short)
  elseif not score or tonumber(score) > now + delay then
    set_due(lane, id, now + delay)
    if score then redis.call('HDEL', claims, id) end
  end
end

-- The same where most likely nobody has asked for the duty yet.
local function wake_anew(lane, id, delay, short)
  local at = now + math.max(delay, 0)
  if redis.call('ZADD', keys.due(lane), 'NX', at, id) == 0 then return wake(lane, id, delay, short) end
  look_by(lane, at)
  if delay <= 0 then call_for(lane, id, short) end
end

-- Whoever holds a duty may have decided by what has changed since: it is due again once it is put down.
local function look_again(lane, id)
  if (redis.call('HGET', keys.claims(lane), id) or ''):match(HELD) then wake(lane, id, 0) end
end

-- Whether anything of a lane failed or is parked; mostly nothing is.
local failing = {}
local function any_failed(lane)
  if failing[lane] == nil then
    failing[lane] = redis.call('EXISTS', keys.failures(lane), keys.parked(lane)) > 0
  end
  return failing[lane]
end

-- What a duty failed before is forgiven.
local function forgive(lane, id)
  if not any_failed(lane) then return end
  redis.call('HDEL', keys.failures(lane), id)
  redis.call('HDEL', keys.parked(lane), id)
end

-- A duty is no more.
local function drop(lane, id)
  redis.call('ZREM', keys.due(lane), id)
  redis.call('HDEL', keys.claims(lane), id)
  forgive(lane, id)
end

-- Nothing is left to do for a duty, unless somebody holds it: its holder puts it down.
local function retire(lane, id)
  local mark = redis.call('HGET', keys.claims(lane), id)
  if mark and mark:sub(1, 1) == 'h' then return end
  redis.call('ZREM', keys.due(lane), id)
  if mark then redis.call('HDEL', keys.claims(lane), id) end
  forgive(lane, id)
end

-- Whether the token holds the duty, and for when it was woken meanwhile.
local function holds(lane, id, token)
  local mark = redis.call('HGET', keys.claims(lane), id) or ''
  local holder, _, wished = mark:match(HELD)
  return holder == token, tonumber(wished)
end

-- after: ms until the next look, or negative: nothing is left to do. A wake-up that came meanwhile
-- counts if it is sooner. Returns whether it is due, too; its lane is to be woken then.
local function settle(lane, id, token, after)
  local mine, wish = holds(lane, id, token)
  if not mine then return 'stale', false end
  local next = after >= 0 and now + after or nil
  if wish and (not next or wish < next) then next = wish end
  if not next then
    drop(lane, id)
    return 'done', false
  end
  redis.call('HDEL', keys.claims(lane), id)
  forgive(lane, id)
  set_due(lane, id, math.max(next, now))
  return 'done', next <= now
end
