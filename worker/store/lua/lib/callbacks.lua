-- Callbacks that were decided on.

-- Mostly it is the first, and what is popped goes unsaid into the append-only file.
local function remove_raw(raw, entry)
  if redis.call('LINDEX', raw, 0) == entry then return redis.call('LPOP', raw) end
  return redis.call('LREM', raw, 0, entry) > 0
end

-- Forget these of an attempt, each by itself: one that came meanwhile stays. Twice is as once.
local function forget_callbacks(attempt, entries)
  for _, entry in ipairs(entries) do
    local mark = entry:match('^[^\n]*"mark":"(%x+)"')
    local here = remove_raw(keys.raw(attempt), entry)
    if here and mark then redis.call('HDEL', keys.unread(attempt), mark) end
  end
end
