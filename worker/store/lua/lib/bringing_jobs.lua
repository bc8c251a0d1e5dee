-- What the flows of a job's duties read first, brought with the claim: a round trip less.
-- uses: breaker, claiming

local function with_record(_, id)
  local job = id:match('job_[^/]*')
  return job and {redis.call('HGETALL', keys.job(job))} or {}
end

local function member(record, name)
  for i = 1, #record, 2 do
    if record[i] == name then return record[i + 1] end
  end
end

BRINGS.reconcile = with_record
BRINGS.archive = with_record

-- Whether it may still leave, too: behind a breaker that tripped since, an upload would be in vain.
function BRINGS.send(who, id)
  local found = with_record(who, id)
  if not found[1] then return found end
  local job = id:match('job_[^/]*')
  found[2] = lets_through(member(found[1], 'line') or 'main', job) and 'yes' or 'no'
  return found
end

-- And the callbacks, if they are not so many or so large that Redis would be held up.
function BRINGS.intake(who, id)
  local found, bytes = with_record(who, id), 0
  for _, size in ipairs(redis.call('HVALS', keys.unread(id))) do bytes = bytes + tonumber(size) end
  if found[1] and bytes <= policy.BROUGHT_BYTES then
    found[2] = redis.call('LRANGE', keys.raw(id), 0, -1)
  end
  return found
end
