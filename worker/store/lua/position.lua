-- A queued job's place among those of its tenant, how many of these are in flight, and what keeps all of them.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its line
-- Returns  1 for the first; 0: it stands in no line | how many are in flight
--          | 1: the queue is paused | 1: a breaker has tripped
-- uses: turns, queue, breaker

local score = redis.call('ZSCORE', keys.line(ARGV[3]), ARGV[2])
if not score then return {0, 0, 0, 0} end
local tenant, before = tenant_of(ARGV[2]), 0
local from, row = span_of(tenant), row_for(tenant, score, ARGV[2])
for _, line in ipairs(all_lines()) do
  before = before + redis.call('ZLEXCOUNT', keys.standing(line), from, '(' .. row)
end
return {before + 1, flying(tenant), paused() and 1 or 0, lets_through(ARGV[3], ARGV[2]) and 0 or 1}
