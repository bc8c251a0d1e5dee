-- These handlers are here to be told. When each first was is kept, for what happened before is not
-- its.
-- KEYS[1]  the root of every key
-- ARGV[2]  {{name, row, {event types}, news}, ...}: news says that whoever keeps in mind who listens
--          must read it anew
-- Returns  "done"
-- uses: time, audience

for _, item in ipairs(cjson.decode(ARGV[2])) do
  local name, row, kinds = item[1], item[2], item[3]
  -- One that was here before its first time was kept counts as having been here always.
  local known = redis.call('HEXISTS', keys.handlers(), name) == 1
  redis.call('HSETNX', keys.handlers_first(), name, known and '0' or text(now))
  redis.call('HSET', keys.handlers(), name, row)
  for _, kind in ipairs(kinds) do redis.call('SADD', keys.wanted(), kind) end
  if item[4] then audience_changed(name) end
end
return {'done'}
