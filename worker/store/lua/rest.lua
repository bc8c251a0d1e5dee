-- A drainer works through a lane no more; another is woken if something is due.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  the drainer
-- Returns  "done"
-- uses: wakeups, claiming

rest(ARGV[2], ARGV[3], true)
return answer('done')
