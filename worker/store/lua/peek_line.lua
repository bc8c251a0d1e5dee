-- Who is next, or why nobody is.
-- KEYS[1]  the root of every key
-- ARGV[2]  {limit, each, passed}, as lib/peeking has it
-- Returns  as there
-- uses: peeking

return peek(cjson.decode(ARGV[2]))
