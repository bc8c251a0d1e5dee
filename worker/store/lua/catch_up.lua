-- A receiver can be read again: each event that it missed is opened for it alone, the oldest first.
-- The pump posts these duties as there is room.
-- KEYS[1]  the root of every key
-- ARGV[2]  receiver
-- ARGV[3]  most at once
-- Returns  "done", how many there were
-- uses: time, wakeups, duties

local missed = redis.call('ZPOPMIN', keys.missed(ARGV[2]), ARGV[3])
for i = 1, #missed, 2 do wake('fanout', missed[i] .. '/' .. ARGV[2], 1) end
return answer('done', text(#missed / 2))
