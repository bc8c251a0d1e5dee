-- Open one delivery for each handler of an event, each once however often this runs.
-- KEYS[1]  the root of every key
-- ARGV[2]  {job, event, type, to = {{handler, lane, ms}, ...}, closing}: job is empty where the
--          event is about none; closing is the end of the duty (lib/closing), if this is its last
--          work
-- Returns  "done" | "gone" (the log has no such event: Redis has forgotten it), how many are new,
--          and what became of the next duty
-- uses: time, wakeups, opening, closing, bringing_events

local order = cjson.decode(ARGV[2])
local sample = false
local event = redis.call('XRANGE', keys.events(), order.event, order.event)[1]

if not event then return answer('gone', '0', put_down(order.closing)) end
for i = 1, #event[2], 2 do
  sample = sample or event[2][i] == 'sample'
end
local new = open_each(order.event, order.job, order.type, order.to, sample)
return answer('done', text(new), put_down(order.closing))
