-- A batch that made a group is over: the group takes no more jobs, and has ended if they have.
-- KEYS[1]  the root of every key
-- ARGV[2]  tenant
-- ARGV[3]  group
-- Returns  "closed" | "open" (no batch made it)
-- uses: wakeups, groups

local key = keys.group(ARGV[2], ARGV[3])
if redis.call('HEXISTS', key, 'batch') == 0 then return answer('open') end
redis.call('HSET', key, 'closed', '1')
end_group(ARGV[2], ARGV[3])
return answer('closed')
