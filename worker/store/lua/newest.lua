-- The newest of the jobs that stand in any of some lists.
-- KEYS[1]  the root of every key
-- ARGV[2]  {states, tenant, models, below, above, most, lists, alone}: a list for each state and
--          model, and those that are named with their whole names, or none
--          tenant: empty: everybody's; models: an empty one: any, which has no tenant
--          below, above: the ends, as ZRANGEBYLEX has them
--          alone: where none of those is there, this job is all there is
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
for _, list in ipairs(order.lists or {}) do lists[#lists + 1] = list end
local alone = order.alone or ''
if alone ~= '' and redis.call('EXISTS', unpack(lists)) == 0 then
  local above, below = order.above, order.below
  local within = (above == '-' or '[' .. alone >= above) and (below == '+' or '(' .. alone < below)
  return within and {alone} or {}
end
return newest_of(lists, order.below, order.above, order.most)
