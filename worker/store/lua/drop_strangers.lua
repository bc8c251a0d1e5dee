-- Take out of an index those members that have no job record.
-- KEYS[1]  the root of every key
-- ARGV[2]  the index, its whole name
-- ARGV[3...]  members to look at
-- Returns  how many were taken out

local index, dropped = ARGV[2], 0
local kind = redis.call('TYPE', index)['ok']
for i = 3, #ARGV do
  if redis.call('EXISTS', keys.job(ARGV[i])) == 0 then
    dropped = dropped + redis.call(kind == 'set' and 'SREM' or 'ZREM', index, ARGV[i])
  end
end
return dropped
