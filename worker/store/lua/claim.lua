-- Take a duty for some time. The token that comes back is larger than every earlier one.
-- ARGV[2]  lane   ARGV[3]  id   ARGV[4]  lease in ms
-- Returns  "claimed", token | "gone" | "held" | "early"
local lane, id = ARGV[2], ARGV[3]
local score = redis.call('ZSCORE', root .. 'due:' .. lane, id)
if not score then return {'gone'} end
local mark = redis.call('HGET', root .. 'claims:' .. lane, id)
if tonumber(score) > now then
  if not mark then return {'early'} end
  if mark:sub(1, 1) == 'h' then return {'held'} end
end
local token = text(redis.call('INCR', root .. 'fence'))
redis.call('HSET', root .. 'claims:' .. lane, id, 'h' .. token)
redis.call('ZADD', root .. 'due:' .. lane, now + tonumber(ARGV[4]), id)
return {'claimed', token}
