-- The newest of the jobs that stand in any of some lists.
-- KEYS[1]  the root of every key
-- ARGV[2]  {states, tenant, models, below, above, most}: a list for each state and model
--          tenant: empty: everybody's; models: an empty one: any, which has no tenant
--          below, above: the ends, as ZRANGEBYLEX has them
-- Returns  their names, the newest first

local order = cjson.decode(ARGV[2])

local function newest(list, above, most)
  return redis.call('ZREVRANGEBYLEX', list, order.below, above, 'LIMIT', 0, most)
end

local heads = {}
for _, model in ipairs(order.models) do
  for _, state in ipairs(order.states) do
    local list = keys.listed(state, order.tenant, model)
    if model == '' then list = keys.jobs_in_state(state) end
    local head = newest(list, order.above, 1)[1]
    if head then heads[#heads + 1] = {head, list} end
  end
end
table.sort(heads, function(one, other) return one[1] > other[1] end)

-- A list whose newest is older than those of `most` others has none of the jobs that are asked for.
local above, found = order.above, {}
if heads[order.most] then above = '[' .. heads[order.most][1] end
for i = 1, math.min(#heads, order.most) do
  for _, job in ipairs(newest(heads[i][2], above, order.most)) do found[#found + 1] = job end
end
table.sort(found, function(one, other) return one > other end)
return {unpack(found, 1, math.min(#found, order.most))}
