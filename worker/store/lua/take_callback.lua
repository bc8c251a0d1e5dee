-- Keep a callback as it came, and have it taken in. One for a job that nobody knows is a stray: the
-- last of them are kept for as long as ended jobs are, cut short; 16 MiB in all.
-- ARGV[2]  job   ARGV[3]  attempt   ARGV[4]  the entry, with an id of its own   ARGV[5]  note
-- ARGV[6]  ms that strays are kept
-- Returns  "taken" | "stray"
local MOST_STRAYS, LONGEST_STRAY = 1000, 16384  -- entries; bytes of each, its head among them

local function is_old(stray)
  local head = stray and cjson.decode(stray:match('^[^\n]*'))
  return head and (head.ms or head.at * 1000) < now - tonumber(ARGV[6])
end

local function keep_stray(why)
  local strays, head = root .. 'strays', cjson.encode({ms = now, why = why}) .. '\n'
  redis.call('RPUSH', strays, head .. ARGV[4]:sub(1, LONGEST_STRAY - #head))
  redis.call('LTRIM', strays, -MOST_STRAYS, -1)
  while is_old(redis.call('LINDEX', strays, 0)) do redis.call('LPOP', strays) end
  redis.call('PEXPIRE', strays, ARGV[6])
end

if redis.call('EXISTS', root .. 'job:' .. ARGV[2]) == 0 then
  keep_stray('no such job')
  return answer('stray')
end
local duty = ARGV[2] .. '/' .. ARGV[3]
if not redis.call('LPOS', root .. 'raw:' .. duty, ARGV[4]) then
  redis.call('RPUSH', root .. 'raw:' .. duty, ARGV[4])
  note(ARGV[2], ARGV[5])
end
wake('intake', duty, 0)
return answer('taken')
