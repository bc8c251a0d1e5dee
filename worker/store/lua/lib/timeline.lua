-- A job's timeline.

local function note(job, entry)
  redis.call('XADD', keys.timeline(job), 'MAXLEN', '~', policy.TIMELINE_KEPT, '*', 'note', entry)
end
