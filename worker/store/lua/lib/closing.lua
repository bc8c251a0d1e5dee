-- The end of a duty and the beginning of the next, in the script that does its work.
-- uses: duties, claiming

-- order: {lane, id, token, after, next, rest}. `after` is ms until the next look, negative: done.
-- `next` says who takes the lane's next duty (lib/claiming), `rest` which drainer stops here.
-- Returns  "done" | "stale" (somebody else has it), and what became of the next
local function close(order)
  local word = finish(order.lane, order.id, order.token, order.after)
  if order.rest then rest(order.lane, order.rest) end
  return word, next_of(order.next)
end

-- The same where a flow's last work may end its duty: no order, no end. What became of the next.
local function put_down(order)
  if not order then return false end
  local _, following = close(order)
  return following
end
