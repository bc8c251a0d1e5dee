-- Tell everybody who wants alerts of something that is about no job, or about one that is not here.
-- KEYS[1]  the root of every key
-- ARGV[2]  what it is about
-- ARGV[3]  why
-- ARGV[4]  nonce
-- ARGV[5]  ms for which it is told once, whatever is asked meanwhile; 0: each time
-- Returns  "done"
-- uses: once, wakeups, events

if is_done(ARGV[4]) then return answer('done') end
mark_done(ARGV[4])
local told = keys.alerted_of(ARGV[2])
if ARGV[5] ~= '0' and not redis.call('SET', told, '1', 'NX', 'PX', ARGV[5]) then
  return answer('done')
end
alert(ARGV[2], ARGV[3])
return answer('done')
