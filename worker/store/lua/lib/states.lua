-- What a job's states mean to scripts.

local IN_FLIGHT = {sending = true, running = true, unconfirmed = true}
local ENDED = {succeeded = true, failed = true, cancelled = true}
local STATES = {'queued', 'sending', 'unconfirmed', 'running', 'succeeded', 'failed', 'cancelled'}
