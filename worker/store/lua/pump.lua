-- Post wake-ups for duties whose time has passed. One process at a time pumps, by a lease.
-- KEYS[1]  the root of every key
-- ARGV[2]  process
-- ARGV[3]  lease in ms
-- ARGV[4]  {{lane, most}, ...}: most messages to have in a
--          lane's queue at once
-- ARGV[5]  the process, as its mark is named
-- ARGV[6]  the highest token that it was given
-- Returns  "pumped" | "other" | "backwards" (Redis lost writes), how many, the number of the last
--          loss
-- uses: time, fence, wakeups

local loss = redis.call('HGET', keys.queue_settings(), 'losses') or '0'
if went_back(ARGV[5], ARGV[6]) then return answer('backwards', '0', loss) end
if ARGV[6] ~= '0' then redis.call('PEXPIRE', keys.seen(ARGV[5]), policy.MARK_KEPT_MS) end
local holder = redis.call('GET', keys.pump())
if holder and holder ~= ARGV[2] then return answer('other', '0', loss) end
redis.call('SET', keys.pump(), ARGV[2], 'PX', ARGV[3])
local posted = 0
for _, row in ipairs(cjson.decode(ARGV[4])) do
  local lane, most = row[1], row[2]
  local waiting = message_of(lane) and redis.call('LLEN', keys.queue(lane)) or 0
  local grace = policy.WAKE_UP_GRACE_MS + policy.WAKE_UP_GRACE_EACH_MS * waiting
  if waiting < most then
    local due = redis.call('ZRANGEBYSCORE', keys.due(lane), '-inf', now,
      'LIMIT', 0, math.min(most - waiting, policy.PUMPED_AT_ONCE))
    for _, id in ipairs(due) do
      post_now(lane, id, grace)
      posted = posted + 1
    end
  end
end
return answer('pumped', text(posted), loss)
