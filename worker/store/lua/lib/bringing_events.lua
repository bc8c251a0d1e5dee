-- What the fan-out of an event reads first, brought with the claim: the event, its job, and a word
-- that changes whenever who listens does.
-- uses: claiming, reading_events, audience

function BRINGS.fanout(_, id)
  local entry = id:match('^%d+%-%d+')
  if not entry then return {} end
  local fields, record = event_and_job(entry)
  return {fields, record, audience()}
end
