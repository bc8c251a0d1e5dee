-- A duty that failed too often waits for somebody to release it, or for new work to wake it.
-- uses: time, events

local function park(lane, id, count, why)
  redis.call('ZREM', keys.due(lane), id)
  redis.call('HDEL', keys.claims(lane), id)
  redis.call('HSET', keys.failures(lane), id, count - 1)  -- released, it has one more try
  redis.call('HSET', keys.parked(lane), id, cjson.encode({at = now, failures = count, why = why}))
  alert(id, 'the duty ' .. id .. ' of the lane ' .. lane .. ' is parked after ' .. text(count)
    .. ' failures: ' .. why)
end
