-- A free question had to be answered before anything paid leaves, and was or was not.
-- KEYS[1]  the root of every key
-- ARGV[2]  why not, or empty
-- ARGV[3]  nonce
-- Returns  "done"
-- uses: time, once, breaker

if is_done(ARGV[3]) then return {'done'} end
mark_done(ARGV[3])
local gate = breaker_of('main')
if gate and gate.ask then
  if ARGV[2] == '' then
    write_breaker('main', 'ask', '0')
  else
    local step = math.min(gate.step * 2, policy.GATE_LAST_MS)
    write_breaker('main', 'until', text(now + step), 'step', text(step), 'why', ARGV[2])
  end
end
return {'done'}
