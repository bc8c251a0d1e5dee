-- What stands in any of some lists that are in the order of names, laid together.

-- below, above: the ends, as ZRANGEBYLEX has them. Returns the last names first.
local function newest_of(lists, below, above, most)
  local function newest(list, from, count)
    return redis.call('ZREVRANGEBYLEX', list, below, from, 'LIMIT', 0, count)
  end

  local heads = {}
  for _, list in ipairs(lists) do
    local head = newest(list, above, 1)[1]
    if head then heads[#heads + 1] = {head, list} end
  end
  table.sort(heads, function(one, other) return one[1] > other[1] end)

  -- A list whose newest is older than those of `most` others has none of what is asked for.
  local from, found = above, {}
  if heads[most] then from = '[' .. heads[most][1] end
  for i = 1, math.min(#heads, most) do
    for _, name in ipairs(newest(heads[i][2], from, most)) do found[#found + 1] = name end
  end
  table.sort(found, function(one, other) return one > other end)
  return {unpack(found, 1, math.min(#found, most))}
end
