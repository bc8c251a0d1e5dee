-- What the fan-out of an event reads first, brought with the claim: the event, its job, and a word
-- that changes whenever who listens does.
-- uses: claiming, reading_events

-- Processes of the release before count no changes; what they add or remove shows in the sizes.
local function audience()
  return (redis.call('GET', keys.audience()) or '0')
    .. ' ' .. redis.call('HLEN', keys.handlers()) .. ' ' .. redis.call('ZCARD', keys.subscriptions())
end

function BRINGS.fanout(_, id)
  local entry = id:match('^%d+%-%d+')
  if not entry then return {} end
  local fields, record = event_and_job(entry)
  return {fields, record, audience()}
end
