-- Count anew who has how many in flight.
-- KEYS[1]  the root of every key
-- Returns  how many places were wrong
-- uses: mending

return count_flight()
