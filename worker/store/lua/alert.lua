-- Tell everybody who wants alerts of something that is about no job, or about one that is not here.
-- KEYS[1]  the root of every key
-- ARGV[2]  what it is about
-- ARGV[3]  why
-- ARGV[4]  nonce
-- Returns  "done"
-- uses: once, wakeups, events

if is_done(ARGV[4]) then return answer('done') end
mark_done(ARGV[4])
alert(ARGV[2], ARGV[3])
return answer('done')
