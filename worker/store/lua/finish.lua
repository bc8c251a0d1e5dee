-- Put a duty down: done, or to be looked at again.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  id
-- ARGV[4]  token
-- ARGV[5]  ms until the next look, negative: done
-- Returns  "done" | "stale" (somebody else has it)
-- uses: wakeups, duties

return answer(finish(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])))
