-- Remove some of what ended before a time: told deliveries, then jobs with all that is theirs. Jobs
-- stay that have a delivery which is pending, or dead and to be told again, and those from which one
-- grew that has not ended.
-- KEYS[1]  the root of every key
-- ARGV[2]  the time in ms
-- ARGV[3]  most records to look at now
-- ARGV[4]  the last job that an earlier look found to stay, behind which this one goes on; or empty
-- ARGV[5]  the ms that an ended job is kept
-- Returns  how many records were looked at (0: it is done), jobs removed, the last job that stays
-- uses: time, wakeups, lineage, removing

local before, most, behind = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local looked, removed = 0, 0

-- A dead one that is in `told` is dead for good.
local function is_waited_for(ids)
  for _, id in ipairs(ids) do
    local state = redis.call('HGET', keys.delivery(id), 'state')
    if state == 'pending' then return true end
    if state == 'dead' and not redis.call('ZSCORE', keys.told(), id) then return true end
  end
  return false
end

-- Of a job that stays, those that were told are not waited for. Whether there may be more.
local function remove_told(ids)
  local gone = 0
  for _, id in ipairs(ids) do
    if gone == most then return true end
    local state = redis.call('HGET', keys.delivery(id), 'state')
    if state == 'done' or state == 'superseded' then
      remove_delivery(id)
      gone = gone + 1
    end
  end
  return false
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys.told(), '-inf', before, 'LIMIT', 0, most)) do
  remove_delivery(id)
  looked = looked + 1
end

local first = (redis.call('ZRANK', keys.ended(), behind) or -1) + 1
local ended = redis.call('ZRANGE', keys.ended(), first, first + most - 1, 'WITHSCORES')
for i = 1, #ended, 2 do
  local job = ended[i]
  if looked >= most or tonumber(ended[i + 1]) > before then break end
  local ids = redis.call('SMEMBERS', keys.deliveries_of_job(job))
  if is_waited_for(ids) or is_needed(job) then
    if not remove_told(ids) then behind = job end
  else
    -- Of one with very many some go now, and the rest with the next look.
    for k = 1, math.min(#ids, most) do remove_delivery(ids[k]) end
    if #ids <= most then
      remove_job(job, ARGV[5])
      removed = removed + 1
    end
  end
  looked = looked + 1 + #ids
end
return answer(text(looked), text(removed), behind)
