-- How the line stands.
-- KEYS[1]  the root of every key
-- ARGV[2]  the limit that is set by hand, or empty
-- Returns  length, sending, running, holding (unconfirmed ones that count), those in flight that
--          nobody can read, which do not count, limit, "1" if paused, why if not by its owner, and
--          of the gate: its word, ms until it may open, why it closed, what the account's owner
--          must do
-- uses: time, queue, breaker

local word, ms = breaker_state('main')
local said = redis.call('HMGET', keys.gate('main'), 'why', 'advice')
return {
  text(redis.call('ZCARD', keys.jobs_in_state('queued'))),
  text(redis.call('ZCARD', keys.jobs_in_state('sending'))),
  text(redis.call('ZCARD', keys.jobs_in_state('running'))),
  text(redis.call('SCARD', keys.holding())),
  text(redis.call('SCARD', keys.unreadable())),
  text(limit_of(ARGV[2])),
  paused() and '1' or '',
  redis.call('HGET', keys.queue_settings(), 'why') or '',
  word, text(ms), said[1] or '', said[2] or '',
}
