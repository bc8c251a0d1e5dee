-- What the flows of a job's duties read first, brought with the claim: a round trip less.
-- uses: breaker, claiming

local function with_record(_, id)
  local job = id:match('job_[^/]*')
  return job and {redis.call('HGETALL', keys.job(job))} or {}
end

BRINGS.reconcile = with_record

-- Whether it may still leave, too: behind a breaker that tripped since, an upload would be in vain.
function BRINGS.send(who, id)
  local found = with_record(who, id)
  if not found[1] then return found end
  local job = id:match('job_[^/]*')
  local line = redis.call('HGET', keys.job(job), 'line') or 'main'
  found[2] = lets_through(line, job) and 'yes' or 'no'
  return found
end

-- And the callbacks.
function BRINGS.intake(who, id)
  local found = with_record(who, id)
  if found[1] then found[2] = redis.call('LRANGE', keys.raw(id), 0, -1) end
  return found
end
