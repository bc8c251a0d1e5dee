-- Take a duty for some time. The token that comes back is larger than every earlier one.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  id
-- ARGV[4]  lease in ms
-- ARGV[5]  the claimer's nonce: asked again because the answer was lost, it has the duty
--          already
-- ARGV[6]  failures after which it is parked
-- ARGV[7]  the process
-- ARGV[8]  the highest token that it was given
-- Returns  "claimed" | "gone" | "held" | "early" | "parked" | "backwards", token, how often in a
--          row it failed
-- uses: time, fence, wakeups, duties, parking

local lane, id, nonce = ARGV[2], ARGV[3], ARGV[5]
local due, claims, failures = keys.due(lane), keys.claims(lane), keys.failures(lane)
if went_back(ARGV[7], ARGV[8]) then return answer('backwards', '', '0') end
local score = redis.call('ZSCORE', due, id)
if not score then return answer('gone', '', '0') end
local mark = redis.call('HGET', claims, id) or ''
local token, holder = mark:match(HELD)
if tonumber(score) > now then
  if mark == '' then return answer('early', '', '0') end
  if token and holder == nonce then
    return answer('claimed', token, redis.call('HGET', failures, id) or '0')
  end
  if token then return answer('held', '', '0') end
end
if token then redis.call('HINCRBY', failures, id, 1) end  -- its holder never came back
local count = tonumber(redis.call('HGET', failures, id) or 0)
if count >= tonumber(ARGV[6]) then
  park(lane, id, count, 'whoever works on it never comes back')
  return answer('parked', '', '0')
end
token = next_token()
set_mark(ARGV[7], token)
redis.call('HSET', claims, id, 'h' .. token .. '/' .. nonce)
redis.call('ZADD', due, now + tonumber(ARGV[4]), id)
return answer('claimed', token, redis.call('HGET', failures, id) or '0')
