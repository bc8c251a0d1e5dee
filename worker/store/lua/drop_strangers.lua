-- Take out of an index those members that have no job record.
-- ARGV[2]  the index, behind the root   ARGV[3...]  members to look at
-- Returns  how many were taken out
local index, dropped = root .. ARGV[2], 0
local kind = redis.call('TYPE', index)['ok']
for i = 3, #ARGV do
  if redis.call('EXISTS', root .. 'job:' .. ARGV[i]) == 0 then
    dropped = dropped + redis.call(kind == 'set' and 'SREM' or 'ZREM', index, ARGV[i])
  end
end
return dropped
