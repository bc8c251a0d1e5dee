-- Have some jobs of a line wait for their tenant's turn: an older process put them there.
-- KEYS[1]  the root of every key
-- ARGV[2]  line
-- ARGV[3...]  jobs
-- Returns  of how many that was not known
-- uses: turns, duties

local wrong = 0
for i = 3, #ARGV do
  local score = redis.call('ZSCORE', keys.line(ARGV[2]), ARGV[i])
  if score then wrong = wrong + wait_for_turn(ARGV[2], ARGV[i], score, tenant_of(ARGV[i])) end
end
if wrong > 0 then wake('line', 'line', 0) end  -- whoever looks rests until somebody calls
return wrong
