-- Have a job that an older process made say whose it is, and listed so.
-- ARGV[2]  job   ARGV[3]  its tenant
-- Returns  how many were changed
if redis.call('EXISTS', root .. 'job:' .. ARGV[2]) == 0 then return 0 end
return adopt(ARGV[2], ARGV[3])
