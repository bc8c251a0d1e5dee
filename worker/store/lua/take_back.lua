-- A request whose departure was written down did not leave after all: not one byte.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  attempt
-- ARGV[4]  the departure's name
-- ARGV[5]  note
-- Returns  "done" | "lost" (somebody else decided on it meanwhile)
-- uses: timeline

local key, field = keys.job(ARGV[2]), 'left:' .. ARGV[3]
local left = redis.call('HGET', key, field)
if not left then return {'done'} end
if left:match(':(.*)$') ~= ARGV[4] then return {'lost'} end
if redis.call('HGET', key, 'state') ~= 'sending' then return {'lost'} end
redis.call('HDEL', key, field)
redis.call('HINCRBY', key, 'rev', 1)
note(ARGV[2], ARGV[5])
return {'done'}
