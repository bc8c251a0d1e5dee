-- Take out of a line's rows those that are of no job which stands there, or of another tenant.
-- KEYS[1]  the root of every key
-- ARGV[2]  line
-- ARGV[3...]  rows
-- Returns  how many were taken out
-- uses: turns

local dropped = 0
for i = 3, #ARGV do
  local job = ARGV[i]:match('%S+$')
  local score = redis.call('ZSCORE', keys.line(ARGV[2]), job)
  if not score or ARGV[i] ~= row_for(tenant_of(job), score, job) then
    drop_row(ARGV[2], ARGV[i])
    dropped = dropped + 1
  end
end
return dropped
