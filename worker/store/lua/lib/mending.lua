-- Making right what is known of turns, where an older process wrote only what it knows of.
-- uses: turns

-- The first jobs of a line wait for turns, where some of it do not.
local function mend_line(line)
  local stand = redis.call('ZCARD', keys.line(line))
  local lost = stand > 0 and redis.call('EXISTS', keys.ring(line)) == 0
  if lost then redis.call('UNLINK', keys.standing(line)) end  -- so that counts differ until all is known
  if redis.call('ZCARD', keys.standing(line)) == stand then return end
  local first = redis.call('ZRANGE', keys.line(line), 0, policy.MENDED_AT_ONCE - 1, 'WITHSCORES')
  for i = 1, #first, 2 do wait_for_turn(line, first[i], first[i + 1], tenant_of(first[i])) end
end

-- Count who is in flight anew: as many as there are slots, so it takes no time. How many were wrong.
local function count_flight()
  local before, rows, wrong = {}, {}, 0
  for _, row in ipairs(redis.call('ZRANGE', keys.flight(), 0, -1)) do before[row] = true end
  local function count(jobs)
    for _, job in ipairs(jobs) do rows[tenant_of(job) .. ' ' .. job] = true end
  end
  count(redis.call('ZRANGE', keys.jobs_in_state('sending'), 0, -1))
  count(redis.call('ZRANGE', keys.jobs_in_state('running'), 0, -1))
  count(redis.call('SMEMBERS', keys.holding()))
  for row in pairs(before) do
    if not rows[row] then
      redis.call('ZREM', keys.flight(), row)
      hold_back(row:match('^(%S*) '), false)
      wrong = wrong + 1
    end
  end
  for row in pairs(rows) do wrong = wrong + redis.call('ZADD', keys.flight(), 0, row) end
  return wrong
end
