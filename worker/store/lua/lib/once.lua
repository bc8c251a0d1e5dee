-- What would change something each time is asked for under a nonce, for redis-py asks again when an
-- answer is lost.

local function is_done(nonce) return redis.call('EXISTS', keys.done(nonce)) == 1 end

local function mark_done(nonce)
  redis.call('SET', keys.done(nonce), '', 'PX', policy.ASKED_AGAIN_MS)
end
