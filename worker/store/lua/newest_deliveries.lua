-- The newest of some receivers' deliveries.
-- KEYS[1]  the root of every key
-- ARGV[2]  {states, receivers, below, most}: a list for each state and receiver
--          below: the upper end, as ZRANGEBYLEX has it
-- Returns  their names, the newest first
-- uses: newest

local order, lists = cjson.decode(ARGV[2]), {}
for _, receiver in ipairs(order.receivers) do
  for _, state in ipairs(order.states) do
    lists[#lists + 1] = keys.deliveries_of(receiver, state)
  end
end
return newest_of(lists, order.below, '-', order.most)
