-- Tokens, and whether Redis has lost writes: each process has a mark of its own, the last token
-- that it was given.
-- uses: time

-- Whether Redis has lost writes of a process: its own mark, which nobody else pushes on, is below
-- the token that it was given last.
local function is_before(mark, token) return (tonumber(mark) or 0) < tonumber(token) end

local function went_back(process, token)
  return is_before(redis.call('HGET', keys.hands(process), 'seen'), token)
end

-- `kept` says until when, so that whoever works need not say so each time.
local function keep_mark(process)
  local key = keys.hands(process)
  redis.call('HSET', key, 'kept', text(now + policy.MARK_KEPT_MS))
  redis.call('PEXPIRE', key, policy.MARK_KEPT_MS)
end

-- And what else is to be kept of the process.
local function set_mark(process, token, ...)
  local key = keys.hands(process)
  local is_new = redis.call('HSET', key, 'seen', token, ...) > 0
  if is_new then redis.call('PEXPIRE', key, policy.MARK_KEPT_MS) end
end

-- A token, larger than every earlier one.
local function next_token() return text(redis.call('INCR', keys.fence())) end
