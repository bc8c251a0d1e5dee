-- These unconfirmed jobs hold no slot any more; they stay unconfirmed.
-- ARGV[2...]  jobs
-- Returns  "done"
for i = 2, #ARGV do redis.call('SREM', root .. 'holding', ARGV[i]) end
wake('line', 'line', 0)
return answer('done')
