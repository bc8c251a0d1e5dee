-- Put a handler's next delivery into the hand of one of its slots, and count the attempt before it
-- runs, so that one which kills its process is counted too.
-- ARGV[2]  lane   ARGV[3]  handler   ARGV[4]  slot's number   ARGV[5]  its token
-- Returns  "take", delivery, how many attempts have begun
--          | "wait", ms: nothing is due before | "none": nothing to do, or others are at it
local lane, handler, k, token = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local slot, held = handler .. '/' .. k, root .. 'held:' .. handler
if not holds(lane, slot, token) then return answer('none', '0', '0') end

local mine = redis.call('HGET', held, k)
if mine then
  local key = root .. 'delivery:' .. mine
  if redis.call('HGET', key, 'token') == token then  -- asked again: the answer was lost
    return answer('take', mine, redis.call('HGET', key, 'begun'))
  end
  redis.call('HDEL', held, k)  -- whoever had it in hand is gone
end
if tonumber(k) > slots_of(lane) then
  stir(lane, handler)
  return answer('none', '0', '0')
end

local endpoint = redis.call('HMGET', root .. 'endpoint:' .. handler, 'until', 'step')
local till = tonumber(endpoint[1]) or 0
if till > now then return answer('wait', text(till - now), '0') end
-- An endpoint that fails is tried by one slot at a time, so that those that hang leave room for others.
local failing = endpoint[2] or redis.call('EXISTS', root .. 'failing:' .. handler) == 1
if failing and redis.call('HLEN', held) > 0 then return answer('none', '0', '0') end

local id, due = next_turn(handler)
if not id then return answer('none', '0', '0') end
if due > now then return answer('wait', text(due - now), '0') end
redis.call('HSET', held, k, id)
redis.call('HSET', root .. 'delivery:' .. id, 'token', token)
local begun = redis.call('HINCRBY', root .. 'delivery:' .. id, 'begun', 1)
if not failing then stir(lane, handler) end
return answer('take', id, text(begun))
