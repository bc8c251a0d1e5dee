-- Who listens, and the word by which processes know whether what they keep in mind of that is true.
-- uses: time

-- A word that no other change made: a count would come again in a Redis that was put back to an older
-- copy. by: what the change is about, or its own name.
local function audience_changed(by) redis.call('SET', keys.audience(), text(now) .. ' ' .. by) end

-- Processes of the release before count no changes; what they add or remove shows in the sizes.
local function audience()
  return (redis.call('GET', keys.audience()) or '0')
    .. ' ' .. redis.call('HLEN', keys.handlers()) .. ' ' .. redis.call('ZCARD', keys.subscriptions())
end
