-- Keep a callback as it came, and have it taken in. The same body is kept once while it waits, and
-- an attempt's callbacks have a limit: whoever holds a genuine URL could send for ever.
-- One for a job that nobody knows is a stray: the last of them are kept for as long as ended jobs
-- are, cut short; 1 MiB in all.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  attempt
-- ARGV[4]  the entry
-- ARGV[5]  note
-- ARGV[6]  ms that strays are kept
-- ARGV[7]  the entry's mark, made of its body
-- Returns  "taken" | "full": as many bytes as may wait do | "enough": of all that may ever come
--          | "stray"
-- uses: time, wakeups, duties, timeline

local function is_old(stray)
  if not stray then return false end
  local readable, head = pcall(cjson.decode, stray:match('^[^\n]*'))
  return not readable or (head.ms or head.at * 1000) < now - tonumber(ARGV[6])
end

-- A stray that comes again is the last one still.
local function keep_stray(why)
  local strays, head = keys.strays(), cjson.encode({ms = now, why = why}) .. '\n'
  local last = redis.call('LINDEX', strays, -1)
  if last and last:find('"' .. ARGV[7] .. '"', 1, true) then redis.call('RPOP', strays) end
  redis.call('RPUSH', strays, head .. ARGV[4]:sub(1, policy.STRAY_BYTES - #head))
  redis.call('LTRIM', strays, -policy.STRAYS_KEPT, -1)
  while is_old(redis.call('LINDEX', strays, 0)) do redis.call('LPOP', strays) end
  redis.call('PEXPIRE', strays, ARGV[6])
end

local heard = 'heard:' .. ARGV[3]
local held = redis.call('HMGET', keys.job(ARGV[2]), 'state', 'n', heard)
if not held[1] then
  keep_stray('no such job')
  return answer('stray')
end
local duty = ARGV[2] .. '/' .. ARGV[3]
local raw, unread = keys.raw(duty), keys.unread(duty)
local waits = redis.call('EXISTS', raw) == 1
local here, waiting = false, #ARGV[4]
if waits then
  local found = redis.call('HGETALL', unread)  -- marks, and the bytes of each
  for i = 1, #found, 2 do
    here = here or found[i] == ARGV[7]
    waiting = waiting + tonumber(found[i + 1])
  end
else
  redis.call('DEL', unread)
end
if here then
  wake('intake', duty, 0)
  return answer('taken')
end
if tonumber(held[3] or 0) >= policy.CALLBACKS_EVER then
  local open = held[1] == 'running' or held[1] == 'unconfirmed'
  if open and held[2] == ARGV[3] then
    wake('reconcile', 'callback/' .. duty, policy.UNBELIEVED_ASKED_MS)
  end
  return answer('enough')
end
if waiting > policy.CALLBACK_BYTES_WAITING then
  wake('intake', duty, 0)
  return answer('full')
end
redis.call('HINCRBY', keys.job(ARGV[2]), heard, 1)
redis.call('HSET', unread, ARGV[7], #ARGV[4])
redis.call('RPUSH', raw, ARGV[4])
note(ARGV[2], ARGV[5])
if waits then wake('intake', duty, 0) else wake_anew('intake', duty, 0) end
return answer('taken')
