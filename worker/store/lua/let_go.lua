-- These unconfirmed jobs hold no slot any more; they stay unconfirmed.
-- KEYS[1]  the root of every key
-- ARGV[2...]  jobs
-- Returns  "done"
-- uses: wakeups, duties

for i = 2, #ARGV do redis.call('SREM', keys.holding(), ARGV[i]) end
wake('line', 'line', 0)
return answer('done')
