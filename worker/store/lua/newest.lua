-- The newest of the jobs that stand in any of some lists.
-- KEYS[1]  the root of every key
-- ARGV[2]  {states, tenant, models, below, above, most}: a list for each state and model
--          tenant: empty: everybody's; models: an empty one: any, which has no tenant
--          below, above: the ends, as ZRANGEBYLEX has them
-- Returns  their names, the newest first
-- uses: newest

local order, lists = cjson.decode(ARGV[2]), {}
for _, model in ipairs(order.models) do
  for _, state in ipairs(order.states) do
    local list = keys.listed(state, order.tenant, model)
    if model == '' then list = keys.jobs_in_state(state) end
    lists[#lists + 1] = list
  end
end
return newest_of(lists, order.below, order.above, order.most)
