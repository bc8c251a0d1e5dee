-- Callbacks that were decided on.

-- Forget these of an attempt, each by itself: one that came meanwhile stays. Twice is as once.
local function forget_callbacks(attempt, entries)
  for _, entry in ipairs(entries) do
    local mark = entry:match('^[^\n]*"mark":"(%x+)"')
    local here = redis.call('LREM', keys.raw(attempt), 0, entry) > 0
    if here and mark then redis.call('HDEL', keys.unread(attempt), mark) end
  end
end
