-- Take the duty of a lane that has been due longest, or a named one.
-- KEYS[1]  the root of every key
-- ARGV[2]  who claims: see lib/claiming. Asked again under the same nonce because the answer was
--          lost, it has the duty already
-- ARGV[3]  the duty's name, or empty
-- Returns  {"claimed", id, token, how often in a row it failed, what its flow reads}
--          | {"none"} | {"backwards"} | {"held"} | {"early"}: of a named one
-- uses: time, fence, wakeups, duties, claiming
-- uses: bringing_turns, bringing_jobs, bringing_events, bringing_deliveries

local who, id = cjson.decode(ARGV[2]), ARGV[3]
if id == '' then return answer(next_of(who)) end
if went_back(who.process, who.seen) then return answer({'backwards'}) end
local given, token, failed = given_before(who)
if token and given == id then return answer(answer_of(who, id, token, failed)) end
if given == 'gone' then return answer({'none'}) end
local score = redis.call('ZSCORE', keys.due(who.lane), id)
if not score then return answer({'none'}) end
local mark = redis.call('HGET', keys.claims(who.lane), id) or ''
if tonumber(score) > now and mark:match(HELD) then return answer({'held'}) end
if tonumber(score) > now and mark == '' then return answer({'early'}) end
token, failed = take_duty(who, id, mark)
if not token then return answer({'none'}) end
give(who, id)
return answer(answer_of(who, id, token, failed))
