-- Claiming what is due. Whoever drains a lane says in one table who it is: {lane, lease (ms), nonce,
-- process, seen (the highest token it was given), me (its name among all drainers), linger (ms that
-- it waits for more once nothing is due; none: it does not)}, and what its
-- lane brings more of: {tells, longest, slow_after} whom it can tell, and the times of lib/taking;
-- {limit, each, passed} as lib/peeking; first: the duty that it was woken for, if it was.
-- uses: time, fence, wakeups, duties, parking

-- What the flow of a lane reads first, by (who, id, token); a script has those it may have to give.
local BRINGS = {}

local function may_be_parked(id)
  for _, never in ipairs(policy.NEVER_PARKED) do
    if id == never then return false end
  end
  return true
end

-- Returns a token, larger than every earlier one, and how often in a row the duty failed; nothing
-- if it is parked instead.
local function take_duty(who, id, mark)
  local lane = who.lane
  local failed = any_failed(lane) and redis.call('HGET', keys.failures(lane), id) or '0'
  if mark:match(HELD) then  -- its holder never came back
    failed = text(redis.call('HINCRBY', keys.failures(lane), id, 1))
    failing[lane] = true
  end
  if tonumber(failed) >= policy.PARKED_AFTER and may_be_parked(id) then
    park(lane, id, tonumber(failed), 'whoever works on it never comes back')
    return nil
  end
  local token = next_token()
  set_mark(who.process, token, who.me, who.nonce .. ' ' .. id)
  if who.kept < now + policy.MARK_KEPT_MS - policy.MARK_RENEWED_MS then keep_mark(who.process) end
  redis.call('HSET', keys.claims(lane), id, 'h' .. token .. '/' .. who.nonce)
  set_due(lane, id, now + who.lease)
  redis.call('ZADD', keys.drainers(lane), now + policy.DRAINER_SURE_MS, who.me)
  return token, failed
end

-- What this claimer was given last under the same nonce, if it still has it: the answer was lost.
-- "gone" if it is done with that: this is an earlier asking, which was late.
local function given_before(who, last)
  local nonce, id = (last or ''):match('^(%x+) (.+)$')
  if nonce ~= who.nonce then return nil end
  local token, holder = (redis.call('HGET', keys.claims(who.lane), id) or ''):match(HELD)
  if holder ~= nonce then return 'gone' end
  return id, token, any_failed(who.lane) and redis.call('HGET', keys.failures(who.lane), id) or '0'
end

-- It drains no more; another is woken if something is due. at_ease: it does not stop in the middle of its
-- work, so few are enough; who does had much of it. Returns for what.
local function rest(lane, me, at_ease)
  drain_no_more(lane, me)
  redis.call('ZREM', keys.idle(lane), me)
  local next = redis.call('ZRANGEBYSCORE', keys.due(lane), '-inf', text(now), 'LIMIT', 0, 1)[1]
  if next then wake_lane(lane, next, at_ease and is_short_slot(lane, next)) end
  return next
end

-- The duty that a message names, if it is due. One that is marked "p" a process of the release before
-- posted that very message for.
local function claim_named(who)
  local score = redis.call('ZSCORE', keys.due(who.lane), who.first)
  if not score then return nil end
  local mark = redis.call('HGET', keys.claims(who.lane), who.first) or ''
  if tonumber(score) > now and mark ~= 'p' then return nil end
  local token, failed = take_duty(who, who.first, mark)
  if not token then return nil end
  return who.first, token, failed
end

-- The duty that has been due longest: its name, token and failures. Nothing: none is, and it
-- drains no more; or, with the word 'later', none has been since its round began, and it comes back.
local function claim_next(who, last)
  local id, token, failed = given_before(who, last)
  if token then return id, token, failed end
  if id == 'gone' then return nil end
  if who.first then
    id, token, failed = claim_named(who)
    if token then return id, token, failed end
  end
  local till = tonumber(who.round) or now
  local due = redis.call('ZRANGEBYSCORE', keys.due(who.lane), '-inf', text(till),
    'LIMIT', 0, policy.PARKED_AT_ONCE)
  for _, name in ipairs(due) do
    token, failed = take_duty(who, name, redis.call('HGET', keys.claims(who.lane), name) or '')
    if token then return name, token, failed end
  end
  if till < now then return nil, 'later' end
  if not who.linger or #due == policy.PARKED_AT_ONCE then
    rest(who.lane, who.me)
    return nil
  end
  -- It waits a moment for more. Both end by themselves, no later than it stops to listen.
  redis.call('ZADD', keys.drainers(who.lane), now + who.linger, who.me)
  redis.call('ZADD', keys.idle(who.lane), now + who.linger, who.me)
  nobody_idle[who.lane] = nil
end

local function answer_of(who, id, token, failed)
  local bring = BRINGS[who.lane]
  local found = {'claimed', id, token, failed, bring and bring(who, id, token) or {}}
  if who.round then found[6] = text(tonumber(who.round) or now) end
  return found
end

-- What a script answers of the next duty, behind its own words.
local function next_of(who)
  if not who then return false end
  local hand = redis.call('HMGET', keys.hands(who.process), 'seen', who.me, 'kept')
  if is_before(hand[1], who.seen) then return {'backwards'} end
  who.kept = tonumber(hand[3]) or 0
  local id, token, failed = claim_next(who, hand[2])
  if not id then return {token or 'none'} end
  return answer_of(who, id, token, failed)
end
