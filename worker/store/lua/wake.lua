-- Have a duty looked at, now or in some ms.
-- ARGV[2]  lane   ARGV[3]  id   ARGV[4]  ms
-- Returns  "done"
wake(ARGV[2], ARGV[3], tonumber(ARGV[4]))
return answer('done')
