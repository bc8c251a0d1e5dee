-- Post wake-ups for duties whose time has passed. One process at a time pumps, by a lease.
-- ARGV[2]  process   ARGV[3]  lease in ms   ARGV[4]  {{lane, most}, ...}: most messages to have in a
--          lane's queue at once   ARGV[5]  the process, as its mark is named   ARGV[6]  the highest token that it was given
-- Returns  "pumped" | "other" | "backwards" (Redis lost writes), how many, the number of the last loss
local AT_ONCE = 50  -- of a lane in one round: some ms, during which Redis serves nobody else
local loss = redis.call('HGET', root .. 'line', 'losses') or '0'
if went_back(ARGV[5], ARGV[6]) then return answer('backwards', '0', loss) end
if ARGV[6] ~= '0' then redis.call('PEXPIRE', root .. 'seen:' .. ARGV[5], MARK_KEPT) end
local holder = redis.call('GET', root .. 'pump')
if holder and holder ~= ARGV[2] then return answer('other', '0', loss) end
redis.call('SET', root .. 'pump', ARGV[2], 'PX', ARGV[3])
local posted = 0
for _, row in ipairs(cjson.decode(ARGV[4])) do
  local lane, most = row[1], row[2]
  local waiting = message_of(lane) and redis.call('LLEN', queue_of(lane)) or 0
  -- A wake-up waits longer behind a long queue; posting it again sooner would only double it.
  local grace = GRACE + 50 * waiting
  if waiting < most then
    local due = redis.call('ZRANGEBYSCORE', root .. 'due:' .. lane, '-inf', now,
      'LIMIT', 0, math.min(most - waiting, AT_ONCE))
    for _, id in ipairs(due) do
      post_now(lane, id, grace)
      posted = posted + 1
    end
  end
end
return answer('pumped', text(posted), loss)
