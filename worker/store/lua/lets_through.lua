-- Whether a job that took its turn may still leave.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its line
-- Returns  "yes" | "no"
-- uses: breaker

return {lets_through(ARGV[3], ARGV[2]) and 'yes' or 'no'}
