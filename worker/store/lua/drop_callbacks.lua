-- Forget callbacks of an attempt that were taken in, each by itself: one that came meanwhile stays, also
-- when this is sent again because its answer was lost.
-- ARGV[2]  job/attempt   ARGV[3]  token of the intake duty   ARGV[4...]  their entries
-- Returns  "done" | "stale"
if not holds('intake', ARGV[2], ARGV[3]) then return {'stale'} end
for i = 4, #ARGV do
  local mark = ARGV[i]:match('^[^\n]*"mark":"(%x+)"')
  local here = redis.call('LREM', root .. 'raw:' .. ARGV[2], 0, ARGV[i]) > 0
  if here and mark then redis.call('HDEL', root .. 'unread:' .. ARGV[2], mark) end
end
return {'done'}
