-- A drainer works through a lane no more; another is woken if something is due.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  the drainer
-- ARGV[4]  1: it does not stop in the middle of its work, so few others are enough
-- Returns  "done"
-- uses: wakeups, claiming

rest(ARGV[2], ARGV[3], ARGV[4] == '1')
return answer('done')
