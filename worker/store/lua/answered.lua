-- A free question had to be answered before anything paid leaves, and was or was not.
-- ARGV[2]  "yes" | "no"   ARGV[3]  why not   ARGV[4]  nonce
-- Returns  "done"
if is_done(ARGV[4]) then return {'done'} end
mark_done(ARGV[4])
local gate = gate_of('main')
if gate and gate.ask then
  if ARGV[2] == 'yes' then
    redis.call('HSET', root .. 'gate:main', 'ask', '0')
  else
    local step = math.min(gate.step * 2, LAST_STEP)
    redis.call('HSET', root .. 'gate:main', 'until', text(now + step), 'step', text(step),
      'why', ARGV[3])
  end
end
return {'done'}
