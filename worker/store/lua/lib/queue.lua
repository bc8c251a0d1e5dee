-- The line, and its room.
-- uses: time, duties, turns

-- In flight are sizes of sets, so there is nothing to leak. `unreadable` are jobs that stand in
-- none of them although they are in flight: nobody can read them, and they hold no slot.
local function in_flight()
  return redis.call('ZCARD', keys.jobs_in_state('sending'))
    + redis.call('ZCARD', keys.jobs_in_state('running'))
    + redis.call('SCARD', keys.holding())
end

local function limit_of(given)
  return tonumber(given) or tonumber(redis.call('HGET', keys.queue_settings(), 'limit')) or 1
end

-- Whether its owner stopped the line.
local function paused() return redis.call('HGET', keys.queue_settings(), 'paused') == '1' end

-- Whether anybody stands in a line, or there besides.
local function somebody_waits(...)
  local where = {...}
  for _, line in ipairs(all_lines()) do where[#where + 1] = keys.line(line) end
  return #where > 0 and redis.call('EXISTS', unpack(where)) > 0
end

-- Whether anybody would go if there were room: in a line, or aside for a while.
local function somebody_stands() return somebody_waits(keys.aside()) end

-- A queued job, whose hash says where and how, stands in its line, or aside for some ms, behind all
-- others until then.
local function stand(job, line, score, tenant, aside)
  if aside > 0 then
    redis.call('ZADD', keys.aside(), now + aside, job)
    wake('line', 'line', aside)
  else
    redis.call('ZADD', keys.line(line), score, job)
    add_line(line)
    wait_for_turn(line, job, score, tenant)
  end
end
