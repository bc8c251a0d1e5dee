-- Take a duty of a lane: the one that its claimer was woken for, if that is due, else the one that
-- has been due longest.
-- KEYS[1]  the root of every key
-- ARGV[2]  who claims: see lib/claiming. Asked again under the same nonce because the answer was
--          lost, it has the duty already
-- Returns  {"claimed", id, token, how often in a row it failed, what its flow reads, and in ms when
--          the claimer's round began, if it works in rounds}
--          | {"none"} | {"later"} (none was when its round began) | {"backwards"}
-- uses: wakeups, claiming
-- uses: bringing_turns, bringing_jobs, bringing_events, bringing_deliveries

return answer(next_of(cjson.decode(ARGV[2])))
