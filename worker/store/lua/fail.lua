-- Count a failure of a duty and put it down: to be looked at again, or parked.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  id
-- ARGV[4]  token
-- ARGV[5]  ms until the next look, negative: park it
-- ARGV[6]  why
-- ARGV[7]  the job whose record cannot be read, where that is why: parked, its slot is given back
-- Returns  "again" | "parked" | "stale" (somebody else has it)
-- uses: time, wakeups, duties, parking, jobs

local lane, id, after = ARGV[2], ARGV[3], tonumber(ARGV[5])
if not holds(lane, id, ARGV[4]) then return answer('stale') end
local count = redis.call('HINCRBY', keys.failures(lane), id, 1)
if after < 0 then
  local why = ARGV[6]
  if ARGV[7] ~= '' and give_back_slot(ARGV[7]) then
    why = why .. '. Its slot is given back; RunningHub may have it all the same, and charge for it'
  end
  park(lane, id, count, why)
  return answer('parked')
end
redis.call('HDEL', keys.claims(lane), id)
set_due(lane, id, now + after)
return answer('again')
