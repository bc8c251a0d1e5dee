-- Who is next in the queue, brought with the claim of its duty: a round trip less.
-- uses: claiming, peeking

function BRINGS.line(who) return peek(who) end
