-- A queued job's place among those of its tenant, how many of these are in flight, and what keeps all of them.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its line
-- Returns  as lib/standing
-- uses: turns, standing

return where_it_stands(ARGV[2], ARGV[3], tenant_of(ARGV[2]))
