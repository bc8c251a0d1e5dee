-- Have a job that an older process made say whose it is, and listed so.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its tenant
-- Returns  how many were changed
-- uses: jobs

if redis.call('EXISTS', keys.job(ARGV[2])) == 0 then return 0 end
return adopt(ARGV[2], ARGV[3])
