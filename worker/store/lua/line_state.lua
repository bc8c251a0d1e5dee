-- How the line stands.
-- KEYS[1]  the root of every key
-- ARGV[2]  the limit that is set by hand, or empty
-- Returns  length, those queued that wait for others outside the line, sending, running, holding
--          (unconfirmed ones that count), those in flight that nobody can read, which do not count, limit,
--          how many tenants wait for a turn, how many are held back (lib/turns), "1" if paused, why if not by its owner, and
--          of the gate: its word, ms until it may open, why it closed, what the account's owner
--          must do
-- uses: time, turns, queue, breaker

local word, ms = breaker_state('main')
local said = redis.call('HMGET', keys.gate('main'), 'why', 'advice')
local length, ready, back = redis.call('ZCARD', keys.aside()), 0, 0
for _, line in ipairs(all_lines()) do
  length = length + redis.call('ZCARD', keys.line(line))
  ready = ready + redis.call('ZCOUNT', keys.ring(line), '-inf', '(' .. policy.HELD_BACK)
  back = back + redis.call('ZCOUNT', keys.ring(line), policy.HELD_BACK, '+inf')
end
return {
  text(length),
  text(math.max(0, redis.call('ZCARD', keys.jobs_in_state('queued')) - length)),
  text(redis.call('ZCARD', keys.jobs_in_state('sending'))),
  text(redis.call('ZCARD', keys.jobs_in_state('running'))),
  text(redis.call('SCARD', keys.holding())),
  text(redis.call('SCARD', keys.unreadable())),
  text(limit_of(ARGV[2])),
  text(ready),
  text(back),
  paused() and '1' or '',
  redis.call('HGET', keys.queue_settings(), 'why') or '',
  word, text(ms), said[1] or '', said[2] or '',
}
