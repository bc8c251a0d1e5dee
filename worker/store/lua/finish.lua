-- Put a duty down: done, or to be looked at again; and take the next of its lane.
-- KEYS[1]  the root of every key
-- ARGV[2]  {lane, id, token, after, next, rest}: after is ms until the next look, negative: done;
--          next says who takes the next (lib/claiming), or rest the drainer that stops here
-- Returns  "done" | "stale" (somebody else has it), and what became of the next
-- uses: wakeups, closing

local order = cjson.decode(ARGV[2])
local word, following = close(order)
return answer(word, following)
