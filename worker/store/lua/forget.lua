-- Remove a job that has ended with all that is its own: deliveries that nobody has heard too, and what
-- the log says of it. Its files are left to a duty.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its revision, when its entries of the log were looked for
-- ARGV[4]  the ms that an ended job is kept
-- ARGV[5...]  those entries
-- Returns  "done" | "gone" (there is none) | the state of one that has not ended
--          | "stale" (it changed since, so there may be more entries: look again)
-- uses: states, wakeups, removing, tally

local job = ARGV[2]
local held = redis.call('HMGET', keys.job(job), 'state', 'rev', 'tenant', 'tallied')
local state = held[1]
if state and not ENDED[state] then return answer(state) end
if state and held[2] ~= ARGV[3] then return answer('stale') end
for _, id in ipairs(redis.call('SMEMBERS', keys.deliveries_of_job(job))) do
  local handler = redis.call('HGET', keys.delivery(id), 'handler')
  if handler then redis.call('ZREM', keys.outbox(handler), id) end
  remove_delivery(id)
end
for i = 5, #ARGV do redis.call('XDEL', keys.events(), ARGV[i]) end
take_from_tally(held[3] or '', held[4] or '')
remove_job(job, ARGV[4])
return answer(state and 'done' or 'gone')
