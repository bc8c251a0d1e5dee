-- These handlers are here to be told. When each first was is kept, for what happened before is not its.
-- ARGV[2]  {{name, row, {event types}}, ...}
-- Returns  "done"
for _, item in ipairs(cjson.decode(ARGV[2])) do
  local name, row, kinds = item[1], item[2], item[3]
  -- One that was here before its first time was kept counts as having been here always.
  local known = redis.call('HEXISTS', root .. 'handlers', name) == 1
  redis.call('HSETNX', root .. 'handlers:first', name, known and '0' or text(now))
  redis.call('HSET', root .. 'handlers', name, row)
  for _, kind in ipairs(kinds) do redis.call('SADD', root .. 'wanted', kind) end
end
return {'done'}
