-- Have an attempt that has not ended reconciled at once.
-- ARGV[2]  job   ARGV[3]  attempt   ARGV[4]  note
-- Returns  "hastened" | "ended" | "gone"
local held = redis.call('HMGET', root .. 'job:' .. ARGV[2], 'state', 'n')
if not held[1] then return answer('gone') end
note(ARGV[2], ARGV[4])
if (held[1] ~= 'running' and held[1] ~= 'unconfirmed') or held[2] ~= ARGV[3] then
  return answer('ended')
end
wake('reconcile', ARGV[2] .. '/' .. ARGV[3], 0)
return answer('hastened')
