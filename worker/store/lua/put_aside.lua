-- Let a queued job stand behind all others for a while: its turn could not be taken.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3]  ms
-- Returns  "done" | "gone" (it stands in no line, or stood there by mistake)
-- uses: wakeups, turns, queue

local tenant = tenant_of(ARGV[2])
for _, line in ipairs(all_lines()) do
  local score = redis.call('ZSCORE', keys.line(line), ARGV[2])
  if score then
    leave_line(line, ARGV[2], score, tenant, false)
    if redis.call('HGET', keys.job(ARGV[2]), 'state') ~= 'queued' then return answer('gone') end
    stand(ARGV[2], line, score, tenant, tonumber(ARGV[3]))
    return answer('done')
  end
end
return answer('gone')
