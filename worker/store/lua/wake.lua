-- Have a duty looked at, now or in some ms.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  id
-- ARGV[4]  ms
-- Returns  "done"
-- uses: wakeups, duties

wake(ARGV[2], ARGV[3], tonumber(ARGV[4]))
return answer('done')
