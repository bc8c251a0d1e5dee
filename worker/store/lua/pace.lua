-- One free question to RunningHub, at a rate that gives way to its "slow down".
-- ARGV[2]  "take" | "good" | "busy"   ARGV[3]  nonce
-- Returns  ms to wait before asking; 0: ask now
local FIRST, LEAST, MOST = 10, 0.2, 50  -- questions a second
if is_done(ARGV[3]) then return 0 end
local key = root .. 'pace'
local held = redis.call('HMGET', key, 'rate', 'next')
local rate, turn = tonumber(held[1]) or FIRST, tonumber(held[2]) or 0
if ARGV[2] == 'busy' then
  mark_done(ARGV[3])
  redis.call('HSET', key, 'rate', math.max(rate / 2, LEAST), 'next', text(now + 2000))
  return 0
elseif ARGV[2] == 'good' then
  mark_done(ARGV[3])
  redis.call('HSET', key, 'rate', math.min(rate + 0.2, MOST))
  return 0
end
local burst = 1000  -- ms of unused turns that may be caught up
turn = math.max(turn, now - burst)
if turn > now then return math.ceil(turn - now) end
mark_done(ARGV[3])
redis.call('HSET', key, 'next', turn + 1000 / rate)
return 0
