-- Forget callbacks of an attempt that were decided on, each by itself: one that came meanwhile
-- stays, also when this is sent again because its answer was lost.
-- KEYS[1]  the root of every key
-- ARGV[2]  job/attempt
-- ARGV[3]  lane
-- ARGV[4]  duty
-- ARGV[5]  token of whoever decided
-- ARGV[6...]  their entries
-- Returns  "done" | "stale"
-- uses: duties

if not holds(ARGV[3], ARGV[4], ARGV[5]) then return {'stale'} end
for i = 6, #ARGV do
  local mark = ARGV[i]:match('^[^\n]*"mark":"(%x+)"')
  local here = redis.call('LREM', keys.raw(ARGV[2]), 0, ARGV[i]) > 0
  if here and mark then redis.call('HDEL', keys.unread(ARGV[2]), mark) end
end
return {'done'}
