-- How the line stands.
-- KEYS[1]  the root of every key
-- ARGV[2]  the limit that is set by hand, or empty
-- Returns  length, those queued that wait for others outside the line, sending, running, holding (unconfirmed ones that count), those in flight that
--          nobody can read, which do not count, limit, "1" if paused, why if not by its owner, and
--          of the gate: its word, ms until it may open, why it closed, what the account's owner
--          must do
-- uses: time, queue, breaker

local word, ms = breaker_state('main')
local said = redis.call('HMGET', keys.gate('main'), 'why', 'advice')
local length = redis.call('ZCARD', keys.aside())
for _, line in ipairs(redis.call('SMEMBERS', keys.lines())) do
  length = length + redis.call('ZCARD', keys.line(line))
end
return {
  text(length),
  text(math.max(0, redis.call('ZCARD', keys.jobs_in_state('queued')) - length)),
  text(redis.call('ZCARD', keys.jobs_in_state('sending'))),
  text(redis.call('ZCARD', keys.jobs_in_state('running'))),
  text(redis.call('SCARD', keys.holding())),
  text(redis.call('SCARD', keys.unreadable())),
  text(limit_of(ARGV[2])),
  paused() and '1' or '',
  redis.call('HGET', keys.queue_settings(), 'why') or '',
  word, text(ms), said[1] or '', said[2] or '',
}
