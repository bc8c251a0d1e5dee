-- Count anew who has how many in flight.
-- KEYS[1]  the root of every key
-- Returns  how many places were wrong
-- uses: mending, duties

local wrong = count_flight()
if wrong > 0 then wake('line', 'line', 0) end  -- whoever looks rests until somebody calls
return wrong
