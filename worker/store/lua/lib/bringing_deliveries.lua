-- The next deliveries of a slot, taken with the slot's claim where this process can tell its receiver.
-- uses: claiming, reading_events, taking

local function taken(who, handler, k, token)
  local word, what, begun, health, record, row = take_delivery({lane = who.lane, handler = handler,
    slot = k, token = token, me = who.me, longest = who.longest, slow_after = who.slow_after})
  if word ~= 'take' then return {word, what} end
  local fields, job = event_and_job(record[place_in(record, 'event')] or '0-0')
  return {word, what, begun, health, record, fields, job, row}
end

function BRINGS.handlers(who, slot, token)
  local handler, k = slot:match('^(.*)/(%d+)$')
  if not handler or not who.tells[handler] then return {} end
  return taken(who, handler, k, token)
end

function BRINGS.subscribers(who, slot, token)
  local handler, k = slot:match('^(.*)/(%d+)$')
  if not handler then return {} end
  local key = keys.subscription(handler)
  if redis.call('HGET', key, 'enabled') ~= '1' then return {} end
  local found = taken(who, handler, k, token)
  if found[1] == 'take' then found[9] = redis.call('HGETALL', key) end
  return found
end
