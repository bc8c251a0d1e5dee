-- An event with what is told of its job.

-- The fields of an entry of the log, or nil; and its job's record.
local function event_and_job(entry)
  local found = redis.call('XRANGE', keys.events(), entry, entry)[1]
  if not found then return false, {} end
  local fields = found[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'job' then return fields, redis.call('HGETALL', keys.job(fields[i + 1])) end
  end
  return fields, {}
end
