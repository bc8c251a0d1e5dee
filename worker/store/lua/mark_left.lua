-- The last word before a paid byte leaves: only the holder of the duty, while its lease runs, and
-- only while the job is still at its turn.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  attempt
-- ARGV[4]  token
-- ARGV[5]  the job's line
-- ARGV[6]  note
-- ARGV[7]  the process
-- ARGV[8]  the highest token that it was given
-- ARGV[9]  the departure's name
-- Returns  "left", a token from after the record, the job's revision, when it left as the record
--          says | "lost" | "gated" (the gate closed since it took
--          its turn) | "backwards" (Redis lost writes, so nothing it says of who may leave counts)
-- uses: time, fence, duties, timeline, breaker

if went_back(ARGV[7], ARGV[8]) then return {'backwards'} end

local function left(rev, departure)
  local stamp = next_token()
  set_mark(ARGV[7], stamp)
  return {'left', stamp, rev, departure}
end

local job, n, token = ARGV[2], ARGV[3], ARGV[4]
local key, duty = keys.job(job), job .. '/' .. n
local held = redis.call('HMGET', key, 'state', 'n', 'rev', 'left:' .. n)
local mine = holds('send', duty, token)
local lease = tonumber(redis.call('ZSCORE', keys.due('send'), duty) or 0)
if held[1] ~= 'sending' or held[2] ~= n or not mine or lease <= now then return {'lost'} end
if held[4] then
  if held[4]:match(':(.*)$') == ARGV[9] then return left(held[3], held[4]) end
  return {'lost'}
end
if not lets_through(ARGV[5], job) then return {'gated'} end
local departure = text(now) .. ':' .. ARGV[9]
local rev = text(tonumber(held[3]) + 1)  -- whoever decided on the job as it was must look again
redis.call('HSET', key, 'left:' .. n, departure, 'rev', rev)
note(job, ARGV[6])
return left(rev, departure)
