-- Forget the first callbacks of an attempt once they were taken in.
-- ARGV[2]  job/attempt   ARGV[3]  token of the intake duty   ARGV[4]  how many
-- Returns  "done" | "stale"
if not holds('intake', ARGV[2], ARGV[3]) then return {'stale'} end
redis.call('LTRIM', root .. 'raw:' .. ARGV[2], ARGV[4], -1)
return {'done'}
