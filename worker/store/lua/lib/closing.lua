-- The end of a duty and the beginning of the next, in the script that does its work.
-- uses: wakeups, duties, claiming

-- order: {lane, id, token, after, next, rest, short}. `after` is ms until the next look, negative: done.
-- `short`: it takes next to no time; none: as the lane knows.
-- `next` says who takes the lane's next duty (lib/claiming), `rest` which drainer stops here.
-- last: what is done before, if nobody else has the duty.
-- Returns  "done" | "stale" (somebody else has it), and what became of the next
local function close(order, last)
  local word, due = settle(order.lane, order.id, order.token, order.after)
  if last and word == 'done' then last() end
  local taken
  if order.rest then taken = rest(order.lane, order.rest) end
  local following = next_of(order.next)
  if following and following[1] == 'claimed' then taken = following[2] end
  -- Nobody is called for what this drainer goes on with itself.
  if due and taken ~= order.id then
    local short = order.short
    if short == nil then short = is_short_slot(order.lane, order.id) end
    wake_lane(order.lane, order.id, short)
  end
  return word, following
end

-- The same where a flow's last work may end its duty: no order, no end. What became of the next.
local function put_down(order, last)
  if not order then return false end
  local _, following = close(order, last)
  return following
end
