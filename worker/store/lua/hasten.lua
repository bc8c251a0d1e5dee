-- Have an attempt that has not ended asked about for its callbacks' sake. One that waits for its turn to
-- be asked about has it within a minute: whoever sends without end does not wake it each time.
-- ARGV[2]  job   ARGV[3]  attempt   ARGV[4]  note
-- Returns  "hastened" | "ended" | "gone"
local MINUTE = 60000  -- ms
local held = redis.call('HMGET', root .. 'job:' .. ARGV[2], 'state', 'n')
if not held[1] then return answer('gone') end
note(ARGV[2], ARGV[4])
if (held[1] ~= 'running' and held[1] ~= 'unconfirmed') or held[2] ~= ARGV[3] then
  return answer('ended')
end
local duty = 'callback/' .. ARGV[2] .. '/' .. ARGV[3]
local waits = redis.call('ZSCORE', root .. 'due:reconcile', duty)
  and not redis.call('HGET', root .. 'claims:reconcile', duty)
wake('reconcile', duty, waits and MINUTE or 0)
return answer('hastened')
