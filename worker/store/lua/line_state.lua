-- How the line stands.
-- ARGV[2]  the limit that is set by hand, or empty
-- Returns  length, sending, running, holding (unconfirmed ones that count), those in flight that nobody can
--          read, which do not count, limit, "1" if paused, why if not by its owner, and of the gate: its
--          word, ms until it may open, why it closed, what the account's owner must do
local word, ms = gate_word('main')
local said = redis.call('HMGET', root .. 'gate:main', 'why', 'advice')
return {
  text(redis.call('ZCARD', root .. 'jobs:state:queued')),
  text(redis.call('ZCARD', root .. 'jobs:state:sending')),
  text(redis.call('ZCARD', root .. 'jobs:state:running')),
  text(redis.call('SCARD', root .. 'holding')),
  text(redis.call('SCARD', root .. 'unreadable')),
  text(limit_of(ARGV[2])),
  paused() and '1' or '',
  redis.call('HGET', root .. 'line', 'why') or '',
  word, text(ms), said[1] or '', said[2] or '',
}
