-- Whose jobs wait and are in flight. Looks at those in flight and at so many that wait, by turns.
-- KEYS[1]  the root of every key
-- ARGV[2]  how many tenants are named at most, those with the most jobs first
-- Returns  {tenant, how many of its jobs wait in the queue, how many are in flight}, ...; and behind them
--          how many tenants are not named
-- uses: turns

local known, names, unseen = {}, {}, 0
local function of(tenant)
  if not known[tenant] then
    known[tenant] = {tenant, 0, 0}
    names[#names + 1] = tenant
  end
  return known[tenant]
end

for _, row in ipairs(redis.call('ZRANGE', keys.flight(), 0, -1)) do
  local one = of(row:match('^(%S*) '))
  one[3] = one[3] + 1
end
local lines = all_lines()
for _, line in ipairs(lines) do
  for _, name in ipairs(redis.call('ZRANGE', keys.ring(line), 0, policy.TENANTS_COUNTED - 1)) do
    of(name)
  end
  unseen = unseen + math.max(0, redis.call('ZCARD', keys.ring(line)) - policy.TENANTS_COUNTED)
end
for _, tenant in ipairs(names) do
  for _, line in ipairs(lines) do
    known[tenant][2] = known[tenant][2]
      + redis.call('ZLEXCOUNT', keys.standing(line), span_of(tenant))
  end
end
for _, job in ipairs(redis.call('ZRANGE', keys.aside(), 0, policy.TENANTS_COUNTED - 1)) do
  local one = of(tenant_of(job))
  one[2] = one[2] + 1
end
table.sort(names, function(a, b)
  local one, other = known[a], known[b]
  if one[2] + one[3] ~= other[2] + other[3] then return one[2] + one[3] > other[2] + other[3] end
  return a < b
end)
local found = {}
for i = 1, math.min(#names, tonumber(ARGV[2])) do found[i] = known[names[i]] end
found[#found + 1] = #names - #found + unseen
return found
