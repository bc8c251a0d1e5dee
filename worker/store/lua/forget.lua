-- Remove a job that has ended with all that is its own: deliveries that nobody has heard too, and what
-- the log says of it. Its files are left to a duty.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  the ms that an ended job is kept
-- ARGV[4...]  its entries of the log
-- Returns  "done" | "gone" (there is none) | the state of one that has not ended
-- uses: states, wakeups, removing

local job = ARGV[2]
local state = redis.call('HGET', keys.job(job), 'state')
if state and not ENDED[state] then return answer(state) end
for _, id in ipairs(redis.call('SMEMBERS', keys.deliveries_of_job(job))) do
  local handler = redis.call('HGET', keys.delivery(id), 'handler')
  if handler then redis.call('ZREM', keys.outbox(handler), id) end
  remove_delivery(id)
end
for i = 4, #ARGV do redis.call('XDEL', keys.events(), ARGV[i]) end
remove_job(job, ARGV[3])
return answer(state and 'done' or 'gone')
