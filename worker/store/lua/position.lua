-- A queued job's place among those of all lines.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  its line
-- Returns  1 for the first; 0: it is not queued

local mine = keys.line(ARGV[3])
local score = redis.call('ZSCORE', mine, ARGV[2])
if not score then return 0 end
local before = redis.call('ZRANK', mine, ARGV[2])
for _, line in ipairs(redis.call('SMEMBERS', keys.lines())) do
  if line ~= ARGV[3] then
    before = before + redis.call('ZCOUNT', keys.line(line), '-inf', '(' .. score)
  end
end
return before + 1
