-- The newest of the jobs that have some metadata, of some states and models.
-- KEYS[1]  the root of every key
-- ARGV[2]  {tenant, labels, states, models, below, above, most}
--          tenant: empty: everybody's; labels: {{key, value}, ...}, all of which they have
--          models: none: of any; below, above: the ends, as ZRANGEBYLEX has them
-- Returns  their names, the newest first, and the last job that was looked at, behind which there
--          may be more; empty: there are none

local order, lists = cjson.decode(ARGV[2]), {}
local function set_of(names)
  local found = {}
  for _, name in ipairs(names) do found[name] = true end
  return found
end
for i, one in ipairs(order.labels) do
  local list = keys.labelled(order.tenant, one[1], one[2])
  lists[i] = {list, redis.call('ZCARD', list)}
end
-- The shortest is gone through, and each of its jobs looked for in the others.
table.sort(lists, function(one, other) return one[2] < other[2] end)
local states, models = set_of(order.states), set_of(order.models or {})

local function fits(job)
  for i = 2, #lists do
    if not redis.call('ZSCORE', lists[i][1], job) then return false end
  end
  local held = redis.call('HMGET', keys.job(job), 'state', 'model')
  return states[held[1]] and (not order.models or models[held[2]])
end

local found, below, looked = {}, order.below, 0
while looked < policy.LABELLED_LOOKED_AT do
  local names = redis.call('ZREVRANGEBYLEX', lists[1][1], below, order.above, 'LIMIT', 0, order.most)
  for _, job in ipairs(names) do
    if fits(job) then found[#found + 1] = job end
    if #found == order.most then return {found, job} end
  end
  if #names < order.most then return {found, ''} end
  below, looked = '(' .. names[#names], looked + #names
end
return {found, below:sub(2)}
