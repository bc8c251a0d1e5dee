-- The end of a duty and the beginning of the next, in the script that does its work.
-- uses: duties, claiming

-- order: {lane, id, token, after, next, rest}, see finish.lua.
local function close(order)
  local word = finish(order.lane, order.id, order.token, order.after)
  if order.rest then rest(order.lane, order.rest) end
  return word, next_of(order.next)
end
