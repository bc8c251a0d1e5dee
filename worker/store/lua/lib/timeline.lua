-- A job's timeline.
-- uses: time

-- A list and not a stream: Redis keeps 4 KiB for a stream however little is in it.
local function note(job, ...)
  local lines = {...}
  for i, line in ipairs(lines) do lines[i] = text(now) .. ' ' .. line end
  if redis.call('RPUSH', keys.notes(job), unpack(lines)) > policy.TIMELINE_KEPT then
    redis.call('LTRIM', keys.notes(job), -policy.TIMELINE_KEPT, -1)
  end
end
