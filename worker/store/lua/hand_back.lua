-- A message was turned away, because enough work through its lane. A process of the release before
-- gave the duty that it named half a minute to be claimed; it is due for those who work now.
-- KEYS[1]  the root of every key
-- ARGV[2]  lane
-- ARGV[3]  duty
-- Returns  "done"
-- uses: time

if redis.call('HGET', keys.claims(ARGV[2]), ARGV[3]) == 'p' then
  redis.call('ZADD', keys.due(ARGV[2]), 'XX', now, ARGV[3])
  redis.call('HDEL', keys.claims(ARGV[2]), ARGV[3])
end
return {'done'}
