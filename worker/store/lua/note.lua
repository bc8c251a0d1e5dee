-- Write lines into a job's timeline.
-- KEYS[1]  the root of every key
-- ARGV[2]  job
-- ARGV[3...]  notes
-- Returns  "done"
-- uses: timeline

note(ARGV[2], unpack(ARGV, 3))
return 'done'
