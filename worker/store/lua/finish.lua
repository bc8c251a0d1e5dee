-- Put a duty down: done, or to be looked at again; and take the next of its lane.
-- KEYS[1]  the root of every key
-- ARGV[2]  an order as lib/closing has it
-- Returns  as there
-- uses: wakeups, closing, bringing_turns, bringing_jobs, bringing_events, bringing_deliveries

return answer(close(cjson.decode(ARGV[2])))
