-- These unconfirmed jobs hold no slot any more; they stay unconfirmed.
-- KEYS[1]  the root of every key
-- ARGV[2...]  jobs
-- Returns  "done"
-- uses: wakeups, duties, turns

for i = 2, #ARGV do
  if redis.call('SREM', keys.holding(), ARGV[i]) == 1 then land(ARGV[i], tenant_of(ARGV[i])) end
end
wake('line', 'line', 0)
return answer('done')
