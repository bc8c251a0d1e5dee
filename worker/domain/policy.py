"""Every wait, limit and back-off, with its reason; in seconds where no unit is said. Pure.

Scripts in worker/store/lua read these as `policy.NAME`, so each number is written down once.
"""

# Dispatching and sending

# Aside, behind all others, after what a job needs failed for the n-th time; then it fails, free.
# Together some twenty minutes: longer than a deploy or a short outage there.
OWN_TROUBLE = (5, 15, 60, 300, 900)
NOT_LEFT_ASIDE = 5  # for a job that may not leave although it was dispatched
DISPATCH_FAILED_ASIDE = 60  # for a job whose dispatch raises what nobody foresaw
DISPATCHED_AT_ONCE = 100  # jobs that one wake-up sends on their way before it lets others work
# Between the scores of two priorities in the queue. 10^13 ms are 317 years, so no age reaches into
# the next one, and neither does any token.
PRIORITY_STEP = 10**13
HELD_BACK = 10 * PRIORITY_STEP  # behind all ten: tenants with as many in flight as they may
LATEST_TURN = 9 * 10**12  # later than any token: of one that goes before others are looked at
HELD_BACK_IN_ONE_LOOK = 200  # tenants, when a new limit holds back many: a ms of Redis
HELD_BACK_AT_ONCE = 20  # of them that one look at the queue sees whether they may go on
TENANTS_NAMED = 50  # with the most jobs; all others are told together
TENANTS_COUNTED = 1_000  # that wait, for one look at whose jobs do: some ms of Redis
MENDED_AT_ONCE = 100  # jobs of an older process that one look has take turns: a ms of Redis
TURNS_AT_ONCE = 20  # jobs that are looked at, and then given their turn, in one round trip
# Bytes of records, or of callbacks, that one script brings: each may be a MiB, and Redis serves
# nobody else meanwhile.
BROUGHT_BYTES = 262_144
PASSED_OVER_LOOK = 5  # until the queue is looked at again for jobs that were passed over
STANDSTILL_LOOK = 5  # between questions whether unconfirmed jobs still hold their slots
SENT_BY_ANOTHER_LOOK = 5.0  # until a job looks whether another one has uploaded its file
BREAKER_SLACK = 0.05  # beyond the breaker's own time, so that a wake-up finds it over

# Until somebody looks again at what a process could not read: soon for the newer processes of a
# rolling deploy, and next to no load for a record that is broken for ever.
UNREADABLE_LOOK = 15.0

# Callbacks

# A callback may overtake the answer to its submit, which is on its way for some hundred ms.
EARLY_WAIT, EARLY_LONGEST = 1.0, 5.0
# Until a callback that waits for proof is looked at by intake again: whoever decides on it says so
# at once, unless it is gone, of an older version or parked.
UNPROVED_LOOK = 900.0
UNPROVED_LONGEST = 86400.0  # such a callback is kept for so long: then its results are dead too
# Calls to RunningHub that one job's callbacks may cause within a minute: an honest one that is
# unreadable needs two for its resend, and two more should that be unreadable too.
CALLBACK_CALLS, CALLBACK_WINDOW = 5, 60.0
SILENT_WAIT, SILENT_LONGEST = 5.0, 300.0  # between questions about a task that a callback names

# Asking about attempts

ENOUGH_DURATIONS = 20  # jobs of a model from which the usual time is known better than by its kind
OVERDUE_PERCENTILE = 0.95  # of those: later than all but one in twenty is overdue
LEAST_OVERDUE = 5.0  # however quick a model is, its callback needs a moment
NO_CALLBACK_LOOK = 5.0  # to the first question when no callback can come
ADOPTED_LOOK = 30.0  # to the first look at an attempt that its callback brought home
COST_LOOK = 30.0  # after which a task is asked what it cost that ended without a word of that
LEAST_GAP, LONGEST_GAP = 5.0, 300.0  # between two looks at one attempt; gaps grow with its age
SHORTEST_GAP = 0.1  # where the time-out cuts one short
RESENDS = 2  # asked for an attempt before its task is asked about instead
RESEND_WAIT = 20.0  # for a resend to come in before the attempt is looked at again
EMPTY_LOOKS = (5, 15, 30, 60)  # at which a success without results is asked about
EARLY_BY = 0.5  # a look that comes so much too early counts, or it would be asked for again at once
FAILED_LOOK = 30  # after which a failure that only a query reported is asked about again
UNKNOWN_LOOKS = (2, 10, 30, 60)  # at which a task id that came with an error is asked about

# A task that an owner names is looked at until RunningHub's record of its callback is there.
NAMED_LOOK, NAMED_LONGEST = 5.0, 300.0
RECORD_WAIT = 600.0  # after its end a record must be there: RunningHub's retries take three minutes
DISPROVED_LOOK = 1.0  # until what remains of an attempt is looked at, whose named task was not its

# Every job ends

# Silence that a job is held for beyond its time: an outage of an hour costs nobody a result, and a
# longer time-out bears a longer one.
LONGEST_SILENCE = 3600.0
# A refusal of the key that a job is held for beyond its time, at most once more that time: who
# changes a key has RunningHub refuse the old one for minutes.
REFUSED_KEY_BORNE = 900.0
# After which a task that was not stopped there is asked about for the last time: its result lives
# for a day, and what is still running then is paid for anyway.
LATE_LOOK = 3600.0

# Pipelines

# Jobs whose outputs one input names: each is read when it is asked for, and no model takes as many.
MOST_UPSTREAM = 50
MOST_LINE_NAMES = 10_000  # of the lines of one batch, which are kept until it is over
# Lines of one batch's dry run, each unlike the others, for which RunningHub is asked its price now:
# as many as people look at, while a batch may have a million.
MOST_LIVE_PRICES = 50
NEAR_LINE_NAMES = 100  # the last of them, among which the one that was meant is looked for
# Generations of a tree: a handler that answers each success with a job goes on until it is broke.
DEEPEST_TREE = 100
# Seconds that an output's URL must still live when it is sent as an input: RunningHub fetches it
# when the task begins, and may have others before it.
OUTPUT_LIVES = 7200.0
# Of those that wait for a job, in one turn of the lane that callbacks are taken in by: a third of a
# second.
SETTLED_AT_ONCE = 100
MOST_OF_A_TREE = 1_000  # jobs of a tree that one answer knows: some ms of Redis
GROUP_NAMED = 100  # jobs of a group that the event of its end names; /v1/jobs?group= lists all
LARGEST_GROUP = 1_000_000  # jobs that `group_size` may say

# Archive

LARGEST_OUTPUT = 2 * 1024**3  # bytes: as many as an asset may have, so every output can be an input
# Outputs of a job that are fetched before they are written down: a process that is killed leaves so
# many to be fetched again.
ARCHIVED_AT_ONCE = 8
# Until an output that could not be had is tried again: a quarter of the time since it was made, and
# these at least and at most. In a day that is some hundred and sixty times.
ARCHIVE_LEAST, ARCHIVE_MOST = 5.0, 600.0
# Times in a row that a process was killed over an attempt's outputs, from which no thumbnails are
# made of them: one may break its decoder. Once may be a deploy.
THUMBNAILS_KILLED = 2
# Seconds after which a failure of the storage says that it hangs, for one that refuses does so at
# once; and for which it is then asked by nobody, so that jobs that need no file have the threads.
STORAGE_HANGS, STORAGE_LEFT_ALONE = 5.0, 10.0
# Seconds after which another tries it, where who does so has no answer: longer than S3 is given.
STORAGE_TRIED = 120.0
ALERTED_AGAIN_MS = 3_600_000  # ms after which trouble with the storage that lasts is told again
FORGOTTEN_AROUND_MS = 5  # ms around a line of a timeline in which its event stands in the log

# Delivery

JITTER = 0.2  # of a wait, give or take, so that many do not come back at the same moment
# Deliveries that the change of a job opens with its event: half a ms of Redis. Of more, and where
# it is not sure who listens, the fan-out opens all.
OPENED_AT_ONCE = 10
JUDGED_AT_ONCE = 100  # receivers of which a change of a job sees who wants its event: 0.1 ms
CAUGHT_UP_AT_ONCE = 500  # events that a receiver missed: some ms of Redis
UNKNOWN_HANDLER_LOOK = 60.0  # until deliveries whose handler no living process has are tried again
ELSEWHERE_LOOK = 1.0  # the same where another process has it
# That a thread of the lane stays with a subscriber: what most servers need. It keeps the number of
# those who are at it together small, and fifty who hang hold the lane up for two seconds.
SUBSCRIBER_STAY = 0.2
# Seconds below which a handler is told sooner than a Celery task would bring another child. Of such
# up to so many of one event are told by one child, one after the other, and all by so many children
# for each process, until one has to stop in the middle of its work or the pump finds it not enough.
TOLD_AT_ONCE, TOLD_TOGETHER, TELLERS = 0.005, 8, 2
# Deliveries that such a handler is told in a row: of what one script takes, so many share its cost.
TOLD_IN_A_ROW = 16
# At most, until what stands behind one that hangs is let go: two looks of the thread that does it.
ROW_LET_GO = 2.0
RECORDED_AGAIN = 0.2  # until a row is recorded once more, with Redis away
# From the beginning of a round of telling to the next, where more became due meanwhile: so more of
# it is told in a row. The first of a burst is told at once.
ROUND = 0.1
# ms that what is told in rounds is due before the pump calls somebody: two rounds. More where
# others are at it: on a busy machine rounds take longer, and a third child makes none quicker.
GATHERS_MS, GATHERS_BUSY_MS = 200, 500
# A handler may take so long; then it gets an exception, and after the grace its child is killed.
HANDLER_LONGEST, HANDLER_GRACE = 300, 10

# Receivers: who shares places with whom, and a subscriber's circuit breaker

# Whoever usually takes longer is slow. Servers answer in less unless they are in trouble, and
# twenty a minute from each is no throughput that others should wait for.
SLOW_AFTER = 1.0
# What part of a lane's places one handler may hold: two of sixteen, so that one which computes does
# not take a whole machine.
HANDLER_PART = 8
SLOW_PART = 2  # half of the places are for the slow: they need them longest, and are never all
SPARE_PART = 4  # a quarter of the places is kept for receivers that hold none
# An eighth of those who can be waited for is kept from new receivers: one that hangs from its first
# event on holds its place for minutes, and fifty of them leave one for a new one that answers.
NEW_PART = 8
OVERFLOW_THREADS = 128  # subscribers that one worker waits for at once; each is an idle thread

# The breaker judges the rate of failures in a window and not a run of them, because a subscriber
# that answers half of the time still has short runs of failures.
JUDGED_ATTEMPTS = 20  # the last ones, by which a subscriber is judged
LEAST_JUDGED = 10  # attempts, before which the rate of failures says nothing
TOO_MANY_FAILED = 0.9  # of them; one that answers half of the time stays far below
RECEIVER_REST, LONGEST_RECEIVER_REST = 5.0, 300.0  # that it is paused then, doubling
DISABLED_AFTER_DAYS = 5  # of nothing but failures: a long weekend is over by then
LEAST_FAILED = 5  # different deliveries among them; fewer may be one event that it cannot take

# Since a process last said that it has a handler, for which it counts as alive. Processes say so
# every REFRESH_EVERY; a slow minute of a machine must not end what waits.
HANDLER_LIVING = 60.0
# Between two redeliveries of one request: fifty a second disturb no receiver that also gets what
# happens now.
REDELIVERY_SPREAD = 0.02
# Between two jobs that a recovery has RunningHub asked about: recovering a whole day leaves its
# rate of free questions to the jobs that run now.
RECOVER_ASK_EVERY = 0.5
# That the secret before signs too: a day to bring the new one to every receiver. For longer than a
# week it would make a secret that leaked good.
SECRET_OVERLAP, LONGEST_SECRET_OVERLAP = 24 * 3600.0, 7 * 24 * 3600.0
# That Retry-After may ask for: at least one, so that nobody asks for a storm, and at most a day,
# after which the schedule goes on.
RETRY_AFTER_LEAST, RETRY_AFTER_MOST = 1.0, 24 * 3600.0
# That Retry(after=...) of a user's own handler may ask for: its job is kept for as long. A year is
# for reminders; more is a slip, as a moment in the place of seconds.
LONGEST_RETRY = 366 * 24 * 3600.0

# Children that run handlers

CHILDREN_LOOK = 0.25  # between two counts of those that are called for, and of those that are held
# That work side by side where events wait, and are free where one hangs. While there is little to
# do there are fewer: each has 15 MB of its own.
CHILDREN_BUSY = 4
# After which a child counts as held: what makes a handler slow. Who waits for a child while fifty
# hang waits this long for each time that they double.
CHILD_HELD = 1.0
# Children at most for each delivery that may be with a slow or a new handler. The rest is for those
# that were quick until now: nobody knows of them before they hang, a dozen or two in one moment.
CHILDREN_A_PLACE = 4
CHILD_SPARE = 60.0  # that some were not needed, until they are ended

# Housekeeping

PUMP_EVERY = 0.5  # between rounds: what becomes due by time may be so late, for handlers twice
PUMP_LEASE = 3.0  # after which another process pumps
BEAT_EVERY = 2.0  # between two signs of life of a process
# Between two times that a process says again what Redis should know from it already, and looks into
# lanes where nothing is known to be due: Redis may have been put back, and processes of the release
# before make duties due without saying where.
REFRESH_EVERY = 15.0
LIMIT_EVERY, LIMIT_AGAIN = 300.0, 30.0  # between questions for the key's limit; after no answer
SWEEP_EVERY = 3600.0  # between removals of what is kept no longer: retention is counted in days
SWEPT_AT_ONCE = 16  # jobs and deliveries in one script: half a ms of Redis, several if it is slow
READ_AT_ONCE = 50  # files that nobody used, or jobs of a tree to be forgotten, in one round trip
TRIMMED_AT_ONCE = 100  # events in one script, each with a whole record of its job: a ms of Redis
SWEEP_ROUNDS = 20  # such lists in one sweep, each of which reads all jobs that still need files
FILES_THAT_FAIL = 5  # that cannot be removed, after which the place of files counts as away
REDIS_LOOK = 1.0  # between looks for a Redis that is away while a process starts

# Characters that are kept of an error's text: enough to know it by, in a record that stays small.
LONGEST_WHY = 300
LONGEST_DELIVERY_WHY = 500

# The Python client

# For one call with all its repetitions: longer than a restart of web or of Redis, and than the two
# questions to RunningHub that the longest call has.
CALL_SECONDS = 40.0
# Seconds within which a command of a terminal asks again: somebody waits at the prompt.
PROMPT_PATIENCE = 4.0
CALL_WAITS = (0.5, 1, 2, 4, 8)  # before each repetition, and then the last; Retry-After is kept
CALL_JITTER = 0.3  # of such a wait, give or take, so that many clients do not come back at once
# That web says nothing on a stream before it counts as broken: four of its signs of life.
STREAM_SILENCE = 20.0
# Of one stream, and until a job is read again in process of which nothing was heard: an event that
# is lost with Redis's memory is never heard of, and whoever waits for it must not wait for ever.
STREAM_LIFE, UNHEARD_LOOK = 300.0, 30.0
# Between tries for a stream, with a look at the job, and then the last: while web serves as many
# streams as it can, two hundred who wait stay below what one token may ask in a minute.
STREAM_WAITS = (0.5, 1, 2, 5, 10, 20, 40, 60)
# For one such look: at least, also where the time to wait is over by then, and at most.
LEAST_LOOK, LONGEST_LOOK = 2.0, 10.0
# In which nobody answers whoever waits for a job, before that is told: longer than an outage that
# heals by itself.
SILENT_FOR = 1800.0
# For which a tool of an agent waits for a job, usually and at most: many of the programs in which
# agents live give a call up after a minute.
AGENT_WAIT, AGENT_WAIT_MOST = 30.0, 50.0
AGENT_READS = 8  # other calls of one agent at once, but for those that pay
AGENT_WAITS = 8  # waits of one agent at once; each is a thread, and the next one only looks
# After which an agent that waits is told at the latest that it goes on: a program that starts its
# minute anew with each such word never gives up, and it costs two calls of /v1 each time.
AGENT_TOLD_EVERY = 10.0
LISTEN_PIECE = 500  # events in one answer of the log to a process that waits: some 100 KiB

# The store: duties and their wake-ups.

# Seconds until a duty that failed is looked at again, by how often it did so in a row; what fails
# more often is parked: five minutes apart it hurts nobody, and after ten it needs a person.
BACK_OFF = (5, 10, 30, 60, 120, 300, 300, 300, 300)
PARKED_AFTER = len(BACK_OFF) + 1  # failures in a row
# What everybody depends on is tried for ever, and often enough that nobody notices one failure.
NEVER_PARKED = ("line", "limit", "sweep")
NEVER = 10**9  # failures in a row that no duty reaches
SOON = 30  # seconds: the longest wait of those that are never parked

PARKED_AT_ONCE = 10  # duties that one claim passes over because they are to be parked
# A Celery task works through a lane until nothing is due, or for so long and so many: then another
# wake-up is posted, so that lanes share the threads and a handler's time limit starts anew.
DRAINED_AT_ONCE, DRAIN_SECONDS = 50, 0.5
# The same where each lane has threads of its own and no time limit: a wake-up costs what three
# duties do, but a task that goes on for minutes would look as if it hung.
OWN_THREADS_DUTIES, OWN_THREADS_SECONDS = 1000, 5.0
WOKEN_AT_ONCE = 50  # wake-ups of a lane in one round of the pump: some 100 µs of Redis
# ms for which a drainer waits for more once nothing is due: while jobs come one after the other, a
# Celery task for each duty would cost three times what the duty does.
LINGER_MS = 100
# ms for which somebody who was given a duty surely works through its lane: one that was killed is
# not waited for any longer, and one that waits for a server does not stand for another.
DRAINER_SURE_MS = 1_000
# Seconds after which a wake-up that lies in another broker than Redis is worth nothing: the pump
# has posted others since.
WAKE_UP_KEPT = 60
# ms in which something may be asked again under the same nonce: redis-py asks again when an answer
# is lost, four times ten seconds and its waits.
ASKED_AGAIN_MS = 60_000
MARK_KEPT_MS = 7 * 86_400_000  # ms a process's mark is kept: longer than any is away and comes back
MARK_RENEWED_MS = 3_600_000  # ms after which one that works has it kept for as long again
# How far the fence goes on above all tokens one process knows of: others may know higher ones, and
# a thousand million are decades of work.
FENCE_AHEAD = 10**9
COPIED_AT_ONCE = 200  # keys in one round trip of a backup or restore; a job's are a few kB each
RESTORED_AT_ONCE = 8_000_000  # bytes in one round trip of a restore; a longer key goes alone
RESTORER_KEPT = 60  # seconds after its last sign of life for which a restore keeps others off

# The store: the queue's circuit breaker (`gate:<line>`) and the pace of free questions. What
# follows from a job's change is decided in the script that writes it, so the steps are taken there:
# deciding here would take one more round trip on the paid path, to read the breaker first.

# ms a tripped breaker holds the queue at first, and at most, doubling with each probe that fails:
# RunningHub's "busy" is over in seconds, and two minutes is the longest that a queue should not
# notice its end.
GATE_FIRST_MS, GATE_LAST_MS = 5_000, 120_000
# Times the breaker's step that a failed probe stands aside, so that another probes next: one whose
# own trouble trips the breaker would else keep it so for ever.
PROBE_ASIDE_STEPS = 1.5
# ms after which trouble with the key that lasts, or comes back, is told again.
KEY_ALERTED_AGAIN_MS = 3_600_000
BACK_FROM_ASIDE_AT_ONCE = 100  # jobs in one look at the queue: some ms of Redis
ASKED_ABOUT_AT_ONCE = 100  # unconfirmed jobs that one look at a full line names

# Free questions a second: at first, at least, at most. RunningHub names no limit for them.
PACE_FIRST, PACE_LEAST, PACE_MOST = 10, 0.2, 50
PACE_MORE = 0.2  # questions a second more after each that was answered; "slow down" halves the rate
PACE_REST_MS = 2_000  # ms nobody asks after "slow down"
PACE_BURST_MS = 1_000  # ms of unused turns that may be caught up

# The store: callbacks. Whoever holds a genuine URL could send for ever.

CALLBACKS_EVER = 100  # callbacks of an attempt that are kept in its life; RunningHub sends a few
CALLBACK_BYTES_WAITING = 17_825_792  # bytes of an attempt that wait: 4 of the largest there may be
UNBELIEVED_ASKED_MS = 60_000  # ms until RunningHub is asked instead of believing more callbacks
# ms within which an attempt whose callbacks go on coming is asked about: whoever sends without end
# does not wake it each time.
CALLBACK_LOOK_MS = 60_000
STRAYS_KEPT = 1_000  # callbacks for jobs that nobody knows: enough to see what goes wrong
STRAY_BYTES = 1_024  # bytes of each, its head among them: 1 MiB in all

# The store: what is kept.

TIMELINE_KEPT = 1_000  # entries of a job's timeline, about: some 4 MiB if all are of the largest
DURATIONS_KEPT = 100  # durations of a model, from submit to success; its p95 is made of them
DURATIONS_KEPT_S = 30 * 86_400  # seconds since the last of them: ids of workflows have no end
DURATIONS_BELIEVED = 60  # seconds: the p95 of a hundred moves slowly
MODELS_REMEMBERED = 500  # whose durations a process remembers: 2 MB, more than anybody uses at once
LISTS_AT_ONCE = 500  # lists of jobs that one script lays together: two ms of Redis
LISTED_LOOKS = 10  # at lists, for one page, while most of what they name cannot be read here
RELISTED_AT_ONCE = 50  # jobs that one script looks for in every list: a ms or two of Redis
# ms the release before may go on reading its own lists of jobs: a deploy, and the way back from it.
OUTLIVED_MS = 86_400_000

# The store: figures over time.

# Spans in which ended jobs are counted, and how long each is kept: short ones, of which the last
# hour and the last day are drawn, and days, of which the last month is; and one more of each for
# whoever looks at the turn of one. Each length costs a change that ends a job 5 µs of Redis.
TALLY_SPANS_S = (300, 86_400)
TALLY_KEPT_S = (90_000, 31 * 86_400)

# The store: money.

DAYS_KEPT_S = 400 * 86_400  # seconds that a day's totals are kept: a year, and a month to look back
# Rows of a day that are parted by metadata: 300 KB of Redis. What comes with other values then is
# counted in one row, so that ids in metadata do not fill Redis for 400 days.
LABELLED_ROWS = 1_000
# Fields of days that are read in one round trip: 3 MB, ten days of as many rows as there may be. An
# ordinary month is one trip.
COST_FIELDS_AT_ONCE = 100_000
# Jobs of one value of metadata that one look passes by for a page: two ms of Redis.
LABELLED_LOOKED_AT = 1_000

# The store: who is told.

PLACE_LOOK_MS = 15_000  # ms until a slot that waits for a place looks again, were it not woken

# What a monitoring system reads

# Receivers whose deliveries are counted apart, the first by name: each is two series that such a
# system keeps for ever. Those of all others are counted together.
MEASURED_RECEIVERS = 100

# The probe of RunningHub's answers

PROBE_SILENCES = 2  # questions in a row without any answer, after which no more are asked
PROBE_CHOICES = 5  # models whose price is asked for, the cheapest first, until one fits
PROBE_MAKES = ("image", "audio", "string")  # what its job may make: they take a minute, not ten
PROBE_WAIT = 300.0  # seconds for its job to end: five times what such a one usually takes
# Seconds after that for its outputs to be kept, and for a resend to come, which is at once.
PROBE_AFTERWARDS = 30.0

# The web's pages

# Seconds a browser stays signed in: a week, so that who looks each day signs in on Mondays.
SESSION_SECONDS = 7 * 86_400
# Jobs that one confirmation is about: so many are named in a form of 40 KB, and done in seconds.
BULK_MOST = 1_000
# Seconds after which the rest of them is left as it is, and that is said: a browser waits a minute.
BULK_SECONDS = 20.0
NEWER_SHOWN = 99  # jobs that came since a list was opened; of more it says only that
