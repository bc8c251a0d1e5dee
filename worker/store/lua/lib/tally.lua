-- How many jobs ended when and how, in spans of time of several lengths. A job counts once, at its
-- last end; `tallied` of its hash says what for, so that it is taken back when it ends otherwise.
-- uses: time

local function add_to_tally(at, tenant, name, count)
  local kept = policy.TALLY_KEPT_S
  for i, seconds in ipairs(policy.TALLY_SPANS_S) do
    local start = text(math.floor(at / 1000 / seconds) * seconds)
    for whose = 1, 2 do
      local key = keys.tally(seconds, start, whose == 1 and '' or tenant)
      -- What is taken back from a span that is gone, or that was damaged, is nobody's matter.
      if count > 0 or redis.call('EXISTS', key) == 1 then
        local left = redis.pcall('HINCRBY', key, name, count)
        if left == 1 and count > 0 then redis.call('EXPIRE', key, kept[i]) end
        if left == 0 then redis.call('HDEL', key, name) end
      end
    end
  end
end

-- A job has not ended any more, or is forgotten. tallied: as its hash has it.
local function take_from_tally(tenant, tallied)
  local at, name = tallied:match('^(%d+) (.+)$')
  if at then add_to_tally(tonumber(at), tenant, name, -1) end
end
