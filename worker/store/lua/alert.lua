-- Tell everybody who wants alerts of something that is about no job, or about one that is not here.
-- ARGV[2]  what it is about   ARGV[3]  why
-- Returns  "done"
alert(ARGV[2], ARGV[3])
return answer('done')
