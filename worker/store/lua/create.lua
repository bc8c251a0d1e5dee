-- Accept a job: its record, its place in the line, its event, the line's wake-up; or the job that
-- the same idempotency key made before.
-- KEYS[1]  the root of every key
-- ARGV[2]  {job, model, tenant, line, score, traces, told_of, expires, labels, want, ledger}:
--          traces of an idempotency key, each {the row's name, what a new row says, the ms it is
--          remembered}, none without a key; known_by the names of those that are to be remembered
--          as long as the job has not ended, with spaces between; told_of the job of the event in
--          which a handler asks for it, or else the delivery, with which the rows are kept too, or
--          empty; expires the ms until it is not to be sent any more, 0: never; labels the metadata
--          that it is found by; want and ledger what it holds of a day's budget (lib/ledger), none
--          where there is none;
--          tree, above: the first of its tree, and the jobs it grew from (lib/lineage), or none;
--          waits: those it waits for, or none; group, size, batch: as lib/groups, or none;
--          placed: whether its place is wanted
-- ARGV[3]  ask
-- ARGV[4]  life
-- ARGV[5]  note
-- Returns  "created", the job's id, its place as lib/standing, where it is wanted
--          | "known", which trace has a row, and that row | "broke", which budget has no room, and
--          what is left of it | "closed", the group, which takes no more jobs; each time an empty
--          place
-- uses: wakeups, duties, timeline, events, jobs, labels, ledger, waiting, lineage, groups, standing

local order = cjson.decode(ARGV[2])
local key = keys.job(order.job)
local function created()
  local at = order.placed and where_it_stands(order.job, order.line, order.tenant) or {}
  return answer('created', order.job, at)
end

if redis.call('EXISTS', key) == 1 then return created() end
local by_handler = order.told_of ~= ''
local submits = keys.submits(order.told_of)
for i, trace in ipairs(order.traces) do
  local known = redis.call('GET', keys.idempotency(trace[1]))
    or (by_handler and redis.call('HGET', submits, trace[1]))
  if known then return answer('known', i .. ' ' .. known, {}) end
end
if order.group and is_closed(order.tenant, order.group) then return answer('closed', order.group, {}) end
local broke = order.want and lacking(order.want)
if broke then return answer('broke', broke, {}) end
local remembered = by_handler
  and redis.call('EXISTS', keys.job(order.told_of), keys.delivery(order.told_of)) > 0
for _, trace in ipairs(order.traces) do
  local row = trace[2] .. ' ' .. order.job
  redis.call('SET', keys.idempotency(trace[1]), row, 'PX', trace[3])
  if remembered then redis.call('HSET', submits, trace[1], row) end
end
redis.call('HSET', key, 'ask', ARGV[3], 'life', ARGV[4], 'state', 'queued', 'n', 1, 'rev', 1,
  'model', order.model, 'tenant', order.tenant, 'line', order.line, 'score', order.score)
if order.ledger then redis.call('HSET', key, 'booked', order.ledger.booked) end
if order.known_by ~= '' then redis.call('HSET', key, 'known_by', order.known_by) end
if order.labels then
  redis.call('HSET', key, 'labels', order.labels)
  label_job(order.job, order.tenant)
end
book(order.ledger)
know_model(order.job, order.model, order.tenant)
note(order.job, ARGV[5])
announce(order.job, 'job.queued', 'queued', '', ARGV[4])
if order.above then grow(order.job, order.tree, order.above) end
if order.waits then wait_for(order.job, order.waits) end
if order.group then
  join_group(order.job, order.tenant, order.group, order.size, order.batch)
end
place(order.job, order.model, order.tenant, nil, 'queued', order.line, order.score, order.waits, 0)
if order.expires > 0 then wake('reconcile', 'expiry/' .. order.job, order.expires) end
return created()
