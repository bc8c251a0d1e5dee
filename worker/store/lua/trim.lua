-- Remove the oldest events of before a time from the log.
-- KEYS[1]  the root of every key
-- ARGV[2]  the time in ms
-- ARGV[3]  most events to remove now
-- Returns  how many were removed

local old = redis.call('XRANGE', keys.events(), '-', '(' .. ARGV[2] .. '-0', 'COUNT', ARGV[3])
if not old[1] then return 0 end
local last = old[#old][1]
redis.call('SET', keys.trimmed(), last)  -- readers of the log behind it missed something
local ms, nth = last:match('(%d+)-(%d+)')
redis.call('XTRIM', keys.events(), 'MINID', ms .. '-' .. string.format('%.0f', nth + 1))
return #old
