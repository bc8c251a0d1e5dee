-- Posting what wakes a duty: its lane's Celery message, where broker and state share this Redis.
-- Where they do not, a script returns what it woke and its caller posts it.
--
-- ARGV[1]  begins with "p" if the caller posts what `woken` names. A door does not wait for another
--          broker, and leaves it to the pump
-- uses: time, fence

local POSTS = ARGV[1]:sub(1, 1) == 'p'
local woken = {}

local messages
local function message_of(lane)
  if not messages then
    messages = {}
    local rows = redis.call('HGETALL', keys.wakeups())
    for i = 1, #rows, 2 do messages[rows[i]] = rows[i + 1] end
  end
  return messages[lane]
end

local function post(lane, id)
  local message = message_of(lane)
  if not message then
    woken[#woken + 1] = lane .. ' ' .. id
    return
  end
  local tag = id .. '#' .. next_token()
  local filled = message:gsub('@DUTY@', id):gsub('@TAG@', tag)
  redis.call('LPUSH', keys.queue(lane), filled)
end

local function post_now(lane, id, grace)
  local mark = redis.call('HGET', keys.claims(lane), id)
  if mark and mark:sub(1, 1) == 'h' then  -- its lease ran out: whoever held it never came back
    redis.call('HINCRBY', keys.failures(lane), id, 1)
  end
  if not POSTS and not message_of(lane) then
    redis.call('ZADD', keys.due(lane), now, id)
    redis.call('HDEL', keys.claims(lane), id)
    return
  end
  redis.call('ZADD', keys.due(lane), now + (grace or policy.WAKE_UP_GRACE_MS), id)
  redis.call('HSET', keys.claims(lane), id, 'p')
  post(lane, id)
end

local function answer(...)
  local words = {...}
  for i = 1, #woken do words[#words + 1] = woken[i] end
  return words
end
