-- Take away what is known of a file that is to be removed, unless somebody used it since it was
-- looked at, or another sweep removes it: that one may be done before this one is, and the file
-- here again. Until it is gone nobody may count on it: an upload would find it there still.
-- KEYS[1]  the root of every key
-- ARGV[2]  asset
-- ARGV[3]  when it was last used, as it was scored then
-- ARGV[4]  ms that removing it may take
-- Returns  "done" | "used"

local asset = ARGV[2]
if tonumber(redis.call('ZSCORE', keys.assets(), asset) or nil) ~= tonumber(ARGV[3]) then
  return {'used'}
end
if not redis.call('SET', keys.leaving(asset), '1', 'NX', 'PX', ARGV[4]) then return {'used'} end
redis.call('HDEL', keys.asset_records(), asset)
return {'done'}
