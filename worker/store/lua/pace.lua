-- One free question to RunningHub, at a rate that gives way to its "slow down".
-- KEYS[1]  the root of every key
-- ARGV[2]  "take" | "good" | "busy"
-- ARGV[3]  nonce
-- Returns  ms to wait before asking; 0: ask now
-- uses: time, once

if is_done(ARGV[3]) then return 0 end
local key = keys.pace()
local held = redis.call('HMGET', key, 'rate', 'next')
local rate, turn = tonumber(held[1]) or policy.PACE_FIRST, tonumber(held[2]) or 0
if ARGV[2] == 'busy' then
  mark_done(ARGV[3])
  redis.call('HSET', key, 'rate', math.max(rate / 2, policy.PACE_LEAST),
    'next', text(now + policy.PACE_REST_MS))
  return 0
elseif ARGV[2] == 'good' then
  mark_done(ARGV[3])
  redis.call('HSET', key, 'rate', math.min(rate + policy.PACE_MORE, policy.PACE_MOST))
  return 0
end
turn = math.max(turn, now - policy.PACE_BURST_MS)
if turn > now then return math.ceil(turn - now) end
mark_done(ARGV[3])
redis.call('HSET', key, 'next', turn + 1000 / rate)
return 0
