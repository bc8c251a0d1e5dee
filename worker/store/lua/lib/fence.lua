-- Tokens, and whether Redis has lost writes: each process has a mark of its own, the last token
-- that it was given.
-- uses: time

-- Whether Redis has lost writes of a process: its own mark, which nobody else pushes on, is below
-- the token that it was given last.
local function went_back(process, token)
  return (tonumber(redis.call('GET', keys.seen(process))) or 0) < tonumber(token)
end

local function set_mark(process, token)
  redis.call('SET', keys.seen(process), token, 'PX', policy.MARK_KEPT_MS)
end

-- A token, larger than every earlier one.
local function next_token() return text(redis.call('INCR', keys.fence())) end
