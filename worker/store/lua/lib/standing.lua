-- Where a queued job stands.
-- uses: turns, queue, breaker

-- Returns its place among those of its tenant, 1 for the first; 0: it stands in no line
--         | how many of these are in flight | 1: the queue is paused | 1: nothing of its line leaves
local function where_it_stands(job, line, tenant)
  local score = redis.call('ZSCORE', keys.line(line), job)
  if not score then return {0, 0, 0, 0} end
  local before, from, row = 0, span_of(tenant), row_for(tenant, score, job)
  for _, other in ipairs(all_lines()) do
    before = before + redis.call('ZLEXCOUNT', keys.standing(other), from, '(' .. row)
  end
  local stopped = paused()
  local held = stopped or has_tripped(line, job)
  return {before + 1, flying(tenant), stopped and 1 or 0, held and 1 or 0}
end
