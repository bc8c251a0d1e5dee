-- What a job counts for on its days, and what it holds of their budgets. Amounts come as text and
-- are added by HINCRBY, exactly in 64 bits: a script's own numbers would be rounded.
-- uses: time

-- The first budget that has no room: its field, and what is left of it. None: there is room.
-- want: {day, amount, budgets}: {{field, limit}, ...}; in millionths, all of them below 2^53
local function lacking(want)
  for _, budget in ipairs(want.budgets) do
    local held = redis.call('HGET', keys.budget(want.day), budget[1])
    local left = budget[2] - (tonumber(held or 0) or budget[2])  -- what is no number is full
    if left < want.amount then return budget[1] .. ' ' .. text(left) end
  end
end

-- The number of a row, also of a new one. Once a day has many that are parted by metadata, it is
-- that of `others` instead, which is empty where the row is not parted.
local function row_of(day, name, others)
  local key = keys.costs(day)
  local number = redis.call('HGET', key, '#' .. name)
  if number then return number end
  if others ~= '' then
    local parted = tonumber(redis.call('HGET', key, 'labelled')) or 0
    if parted >= policy.LABELLED_ROWS then return row_of(day, others, '') end
    redis.call('HINCRBY', key, 'labelled', 1)
  end
  number = redis.call('HINCRBY', key, 'rows', 1)
  redis.call('HSET', key, '#' .. name, number)
  if number == 1 then redis.call('EXPIRE', key, policy.DAYS_KEPT_S) end
  return number
end

-- What somebody damaged is passed by: it must stop no job, and doctor finds the difference.
local function count_in(key, field, count)
  return redis.pcall('HINCRBY', key, field, count)
end

local function hold_budget(day, field, count)
  if count_in(keys.budget(day), field, count) == tonumber(count) then
    redis.call('EXPIRE', keys.budget(day), policy.DAYS_KEPT_S)
  end
end

-- Count a job as it is now, in place of what it was counted for: that is `booked` of its hash, which
-- the caller writes.
-- order: {booked, rows, holds}: {{day, name, others, counts}, ...} and {{day, field, count}, ...},
-- all counts as differences; none: nothing changed
local function book(order)
  if not order then return end
  for _, row in ipairs(order.rows) do
    local number = row_of(row[1], row[2], row[3])
    for field, count in pairs(row[4]) do
      count_in(keys.costs(row[1]), number .. ':' .. field, count)
    end
  end
  for _, one in ipairs(order.holds) do hold_budget(one[1], one[2], one[3]) end
end

-- A job is removed, and its days stay as they are: they cannot be compared with jobs any more.
local function leave_ledger(job)
  local seen = {}
  local booked = redis.call('HGET', keys.job(job), 'booked') or ''
  for day in booked:gmatch('"(%d%d%d%d%-%d%d%-%d%d)"') do
    if not seen[day] and redis.call('EXISTS', keys.costs(day)) == 1 then
      redis.call('HINCRBY', keys.costs(day), 'gone', 1)
    end
    seen[day] = true
  end
end
