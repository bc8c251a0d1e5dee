-- Count an attempt before it runs, so that one which kills its process is counted too.
-- ARGV[2]  delivery   ARGV[3]  token
-- Returns  how many have begun
local key = root .. 'delivery:' .. ARGV[2]
if redis.call('HGET', key, 'token') ~= ARGV[3] then
  redis.call('HSET', key, 'token', ARGV[3])
  redis.call('HINCRBY', key, 'begun', 1)
end
return tonumber(redis.call('HGET', key, 'begun'))
