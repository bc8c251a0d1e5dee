-- Redis's clock, so that machines need not agree with each other.
--
-- ARGV[1]  ends with "now" in milliseconds where tests set it; else Redis's own clock counts

local SET_TIME = ARGV[1]:match('%d*$')
local now
if SET_TIME ~= '' then
  now = tonumber(SET_TIME)
else
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end
