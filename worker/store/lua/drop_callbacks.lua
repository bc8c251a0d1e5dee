-- Forget callbacks of an attempt that were decided on, each by itself: one that came meanwhile
-- stays, also when this is sent again because its answer was lost.
-- KEYS[1]  the root of every key
-- ARGV[2]  job/attempt
-- ARGV[3]  lane
-- ARGV[4]  duty
-- ARGV[5]  token of whoever decided
-- ARGV[6...]  their entries
-- Returns  "done" | "stale"
-- uses: duties, callbacks

if not holds(ARGV[3], ARGV[4], ARGV[5]) then return {'stale'} end
forget_callbacks(ARGV[2], {unpack(ARGV, 6)})
return {'done'}
