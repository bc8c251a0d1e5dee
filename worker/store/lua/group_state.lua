-- How a group stands.
-- KEYS[1]  the root of every key
-- ARGV[2]  tenant
-- ARGV[3]  group
-- Returns  what its hash says, as fields and values, how many of its jobs are in each state, in the
--          order of lib/states
-- uses: states

local counts = {}
for i, state in ipairs(STATES) do
  counts[i] = redis.call('ZCARD', keys.grouped(state, ARGV[2], ARGV[3]))
end
return {redis.call('HGETALL', keys.group(ARGV[2], ARGV[3])), counts}
