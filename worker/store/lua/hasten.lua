-- Have an attempt that has not ended asked about for its callbacks' sake. One that waits for its
-- turn to be asked about has it within a minute: whoever sends without end does not wake it each
-- time.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  attempt
-- ARGV[4]  note
-- Returns  "hastened" | "ended" | "gone"
-- uses: wakeups, duties, timeline

local held = redis.call('HMGET', keys.job(ARGV[2]), 'state', 'n')
if not held[1] then return answer('gone') end
note(ARGV[2], ARGV[4])
if (held[1] ~= 'running' and held[1] ~= 'unconfirmed') or held[2] ~= ARGV[3] then
  return answer('ended')
end
local duty = 'callback/' .. ARGV[2] .. '/' .. ARGV[3]
local waits = redis.call('ZSCORE', keys.due('reconcile'), duty)
  and not redis.call('HGET', keys.claims('reconcile'), duty)
wake('reconcile', duty, waits and policy.CALLBACK_LOOK_MS or 0)
return answer('hastened')
