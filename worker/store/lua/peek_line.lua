-- Who is next, or why nobody is.
-- KEYS[1]  the root of every key
-- ARGV[2]  {limit, passed}: the limit that is set by hand, or empty, and jobs to pass over
-- Returns  as lib/peeking
-- uses: peeking

local order = cjson.decode(ARGV[2])
return peek(order.limit, order.passed)
