-- Put a sample of an event into the log, which is delivered as every other. It is about no job.
-- KEYS[1]  the root of every key
-- ARGV[2]  its type
-- ARGV[3]  what it is about: the name of a job that never existed, or of a group
-- ARGV[4]  the model of that job
-- ARGV[5]  nonce
-- Returns  "done"
-- uses: once, wakeups, duties, events

if is_done(ARGV[5]) then return answer('done') end
mark_done(ARGV[5])
local event = redis.call('XADD', keys.events(), here(), 'subject', ARGV[3],
  'v', records.VERSION, 'type', ARGV[2], 'sample', ARGV[4])
wake('fanout', event, 0)
return answer('done')
