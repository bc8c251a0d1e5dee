"""Every key in Redis: its type, its score, who owns it and when it ends.

`keys.due("send")` is a name; scripts say `keys.due(lane)` for the same. docs/redis.md is made of
this file, and a test fails on a key that is not here.
"""

from runhook.worker.store import key_families
from runhook.worker.store.key_families import (
    BEFORE,
    DUTIES,
    EVENTS,
    FILES,
    JOBS,
    LEDGER,
    LISTS,
    PIPELINES,
    PLACES,
    PROCESSES,
    QUEUE,
    RECEIVERS,
    SHORT,
    TALLIES,
)
from runhook.worker.store.key_kinds import HOLE as HOLE
from runhook.worker.store.key_kinds import Family as Family
from runhook.worker.store.key_kinds import Key as Key

ROOT = "runhook:"  # before every key, so that others may use the same Redis
EVERYTHING = f"{ROOT}*"  # as SCAN takes it
Key.root = ROOT
BY_NAME = "0: in the order of names, which of ids is the order of time"
BY_TEXT = "0: in the order of these texts"

job = JOBS.key(
    "job:<job>",
    "hash",
    "`ask`, `life` (records), `state`, `n` (the attempt), `rev`, `move` (the last "
    "change), `model`, `tenant`, `line` and `score` (its place, until it ends), `left:<n>` "
    "(when and under which name the attempt's request left), `heard:<n>` (callbacks that the "
    "attempt had in its life); where it has them `files` (some are kept of it), `labels` (the "
    "metadata it is found by), `booked` (what it counts for in the ledger), `tallied` (when it "
    "ended, ms, and what it counts as in `tally`), `waits` (the jobs it waits for), `above` (its "
    "parent and the jobs whose outputs it names), `tree` (its root), "
    "`group`, `known_by` (rows of the idempotency key that made it)",
)
notes = JOBS.key(
    "notes:<job>",
    "list",
    "its timeline: when (ms) and what (notes.py); what became of deliveries they say themselves",
)
timeline = JOBS.key(
    "timeline:<job>", "stream", "the same as the release before wrote it, a `note` each"
)
submits = JOBS.key(
    "submits:<job or delivery>",
    "hash",
    "jobs that handlers submitted in its events, or were told to by a delivery that is of no job: "
    "a row for each trace of a call, as in `idempotency:<trace>`. Either may be told again as long "
    "as it is kept, however long",
)
raw = JOBS.key("raw:<job/n>", "list", "an attempt's callbacks not yet taken in")
unread = JOBS.key("unread:<job/n>", "hash", "their marks, and the bytes of each")
heard = JOBS.key("heard:<job/n>", "string", "how many it had, as the release before counted them")

# Scored 0 and not by time: a cursor is then an id, which is where it was however many came since.
jobs_in_state = LISTS.key("jobs:state:<state>", "zset", "those in a state", by=BY_NAME)
# With these any choice of states, model and tenant is a few lists laid together, and none is looked
# through. Lists of a tenant's jobs of all models would be quicker for those with many models, and
# cost every job 90 bytes more.
listed = LISTS.key(
    "listed:<state>:<tenant>:<model>",
    "zset",
    "a tenant's jobs of a model in a state; without a tenant everybody's",
    by=BY_NAME,
)
models = LISTS.key(
    "models:<tenant>",
    "zset",
    "models of which a tenant has jobs; without a tenant anybody",
    by=BY_NAME,
)
labelled = LISTS.key(
    "labelled:<tenant>:<key>:<value>",
    "zset",
    "a tenant's jobs with a value of indexed metadata; without a tenant everybody's",
    by=BY_NAME,
)
ended = LISTS.key("ended", "zset", "those that ended", by="ms: when they did")
line = LISTS.key(
    "line:<line>",
    "zset",
    "queued jobs: `main` is everybody's, others have a breaker of their own",
    by="(9 - priority) × 10^13 + ms: when it was made. Below 2^53, so exact",
)
lines = LISTS.key("lines", "set", "the lines somebody stands in")
standing = LISTS.key(
    "standing:<line>",
    "zset",
    "a line's jobs tenant by tenant, `<tenant> <score> <job>`: made right by the line (lib/turns)",
    by=BY_TEXT,
)
ring = LISTS.key(
    "ring:<line>",
    "zset",
    "tenants that have jobs in a line",
    by="(9 - priority) × 10^13 of its first job and a token, its turn; 10^14 more while it has as "
    "many in flight as it may",
)
flight = LISTS.key(
    "flight",
    "zset",
    "jobs in flight tenant by tenant, `<tenant> <job>`: made right by the lists of states and "
    "`holding`",
    by=BY_TEXT,
)
aside = LISTS.key(
    "aside",
    "zset",
    "queued jobs that stand behind all others for a while",
    by="ms: when they stand in their line again",
)
holding = LISTS.key("holding", "set", "unconfirmed jobs that may hold a slot")
unreadable = LISTS.key(
    "unreadable", "set", "jobs in flight whose record nobody can read; they hold no slot"
)

waiters = PIPELINES.key("waiters:<job>", "zset", "jobs that wait for a job to succeed", by=BY_NAME)
children = PIPELINES.key(
    "children:<job>",
    "zset",
    "jobs whose parent it is, or whose input names an output of it",
    by=BY_NAME,
)
tree = PIPELINES.key("tree:<root>", "zset", "a root with all that grew from it", by=BY_NAME)
grouped = PIPELINES.key(
    "grouped:<state>:<tenant>:<group>", "zset", "a group's jobs in a state", by=BY_NAME
)
group = PIPELINES.key(
    "group:<tenant>:<group>",
    "hash",
    "`made` (jobs in its life), `size`, `closed`, `batch` (the job with which a batch made it), "
    "`ended` (ms: when its end was told); of one without jobs that has not ended as long as an "
    "ended job is kept",
)

jobs = BEFORE.key("jobs", "zset", "every job", by=BY_NAME)
jobs_of_model = BEFORE.key("jobs:model:<model>", "zset", "those of a model", by=BY_NAME)
jobs_of_tenant = BEFORE.key("jobs:tenant:<tenant>", "zset", "a tenant's", by=BY_NAME)
deliveries_in_state = BEFORE.key(
    "deliveries:state:<state>", "zset", "deliveries in a state", by=BY_NAME
)
outlived = BEFORE.key("outlived", "string", "when upkeep first met these lists, ms")

queue_settings = QUEUE.key(
    "line",
    "hash",
    "`limit` and `at` (RunningHub's word, and when: ms), `paused` and `why`, `losses` "
    "(the last time that Redis lost writes)",
)
gate = QUEUE.key(
    "gate:<line>",
    "hash",
    "a tripped breaker: `until` (ms), `step` (ms), `probe` (a job), `ask`, `why`, `advice`",
)
pace = QUEUE.key("pace", "hash", "free questions: `rate` a second, `next` (ms)")

due = DUTIES.key("due:<lane>", "zset", "a lane's duties", by="ms: when somebody must look")
soon = DUTIES.key("soon", "zset", "lanes", by="ms: when the pump must look there, or sooner")
claims = DUTIES.key(
    "claims:<lane>",
    "hash",
    "who holds a duty: `h<token>/<nonce>`, `…+<ms>` it was woken meanwhile for that time",
)
failures = DUTIES.key("failures:<lane>", "hash", "how often in a row one failed")
parked = DUTIES.key(
    "parked:<lane>", "hash", "those that failed too often: since when, how often, why"
)
drainers = DUTIES.key(
    "drainers:<lane>",
    "zset",
    "who works through what is due (lib/wakeups)",
    by="ms: until when it is surely at it",
)
idle = DUTIES.key(
    "idle:<lane>",
    "zset",
    "those of them that wait for more (lib/wakeups)",
    by="ms: until when they do",
)
fence = DUTIES.key("fence", "string", "the last token that was given out")
wakeups = DUTIES.key("wakeups", "hash", "each lane's Celery message, for scripts")
# Made by Celery; scripts push into it where broker and state share this Redis.
queue = DUTIES.key("queue:<lane>", "list", "Celery's: wake-ups not yet taken")

events = EVENTS.key("events", "stream", "the log")
trimmed = EVENTS.key("trimmed", "string", "the last event that the log lost")
delivery = EVENTS.key(
    "delivery:<delivery>",
    "hash",
    "`state`, `handler`, `lane`, `job`, `event`, `type`, `opened`, `due` (ms), `begun` "
    "and `from` (attempts), `token` (its holder's), `try:<n>`, `kept` (a dead one's "
    "event), `sample` (of no job)",
)
deliveries_of_job = EVENTS.key("deliveries:<job>", "set", "a job's deliveries")
deliveries_of = EVENTS.key(
    "deliveries:of:<handler>:<state>", "zset", "a handler's in a state", by=BY_NAME
)
receivers = EVENTS.key("receivers", "zset", "handlers that have deliveries", by=BY_NAME)
told = EVENTS.key(
    "told",
    "zset",
    "deliveries that need nobody any more and go with no job: of none, or dead for good",
    by="ms: since when",
)
outbox = EVENTS.key(
    "outbox:<handler>", "zset", "a handler's pending deliveries", by="ms: when each is tried next"
)
held = EVENTS.key(
    "held:<handler>",
    "hash",
    "the deliveries in the hand of each slot, the first and `<slot>.<place>` behind it",
)

telling = PLACES.key(
    "telling:<lane>", "zset", "slots with a delivery in hand", by="ms: when that counts as lost"
)
slow = PLACES.key("slow:<lane>", "zset", "the same", by="ms: when it begins to count as slow")
unproved = PLACES.key(
    "unproved:<lane>", "zset", "those of new receivers", by="ms: as in slow:<lane>"
)
waiting = PLACES.key(
    "waiting:<lane>:<pace>", "zset", "slots that find no place", by="ms: since when"
)

subscription = RECEIVERS.key(
    "subscription:<subscription>",
    "hash",
    "`url`, `events`, `models`, `enabled`, `why`, `secret` and `old_secrets` (sealed), "
    "`created` and `updated` (ms), `rev`, `change`",
)
subscriptions = RECEIVERS.key("subscriptions", "zset", "every one", by=BY_NAME)
endpoint = RECEIVERS.key(
    "endpoint:<receiver>",
    "hash",
    "how telling it goes (`until` and other moments in ms), and its `rev`",
)
missed = RECEIVERS.key(
    "missed:<receiver>",
    "zset",
    "events that wait until a receiver's record can be read",
    by="ms: when they happened",
)
handlers = RECEIVERS.key("handlers", "hash", "what each handler wants (records)")
handlers_first = RECEIVERS.key("handlers:first", "hash", "when a process first had it, ms")

audience = RECEIVERS.key("audience", "string", "the last change of who listens")

# To have it in ms takes two releases: one that reads both units, and one that writes ms.
alive = PROCESSES.key(
    "alive:<role>",
    "zset",
    "processes, with their threads in the name",
    by="seconds: its last sign of life. The one score that is not in ms: to a process of the "
    "release before, ms would mean one that lives for ever",
)
installation = PROCESSES.key(
    "installation", "string", "a random name, under which its marks lie where files are kept"
)
storing = PROCESSES.key("storing", "set", "the roles that left a mark there")
secrets = PROCESSES.key("secrets", "set", "fingerprints of RUNHOOK_SECRET")
account = PROCESSES.key("account", "string", "fingerprint of key and base URL")
budgets = PROCESSES.key(
    "budgets",
    "hash",
    "fingerprint of RUNHOOK_BUDGET_DAY by role, as it was when one of that role last started",
)
slots = PROCESSES.key(
    "slots", "hash", "how a lane's places are shared (domain/receivers), and how many drain it"
)
restoring = PROCESSES.key(
    "restoring",
    "string",
    "a restore has begun and not ended: nothing starts here. It is removed last (copies.py)",
)
tidied = PROCESSES.key("tidied", "string", "which of its tidyings upkeep.py has done here")
wanted = PROCESSES.key("wanted", "set", "types of events that somebody ever wanted")

costs = LEDGER.key(
    "costs:<day>",
    "hash",
    "what a UTC day cost: `#<row>` is the number of a row (tenant, model, currency, metadata), "
    "`<number>:<what>` a count or a piece of an amount of it (money/ledger.py); `rows`, `labelled` "
    "(those with metadata), `gone` (jobs of it that were removed)",
)
budget = LEDGER.key(
    "budget:<day>",
    "hash",
    "what is held of a UTC day's budget, in millionths: `all`, `of:<tenant>`",
)

tally = TALLIES.key(
    "tally:<seconds>:<start>:<tenant>",
    "hash",
    "how many of a tenant's jobs ended in so many seconds from then on (seconds since 1970), by "
    "`<state>/<settled by>/<step of run time>` (domain/tallies); without a tenant everybody's",
)

asset_records = FILES.key("asset", "hash", "every asset (records)")
assets = FILES.key(
    "assets",
    "zset",
    "their ids",
    by="ms: when each was last used; below 10^11 seconds, as the release before writes them",
)

idempotency = SHORT.key(
    "idempotency:<trace>",
    "string",
    "the job a key made (create); as long as an ended job is kept, or less. The sweep prolongs it "
    "while its job has not ended",
)
durations = SHORT.key(
    "durations:<model>", "list", "the last, from submit to success, ms (move); 30 days"
)
asked = SHORT.key(
    "asked:<job>", "list", "when calls were made for its callbacks' sake, ms (allow_calls); minutes"
)
strays = SHORT.key(
    "strays",
    "list",
    "callbacks for jobs nobody knows (take_callback); as long as an ended job is kept",
)
alerted_of_key = SHORT.key("alerted:key", "string", "trouble with it was told (move); an hour")
alerted_of = SHORT.key(
    "alerted:of:<subject>", "string", "trouble with it was told (alert); an hour"
)
done = SHORT.key("done:<nonce>", "string", "this was done already (lib/once); a minute")
hands = SHORT.key(
    "hands:<process>",
    "hash",
    "`seen`: the last token it was given, `kept`: until when (ms; lib/fence); of each of its "
    "threads the last duty, and its nonce (lib/claiming); 7 days",
)
bell = SHORT.key("bell:<drainer>", "list", "calls a drainer that waits for work (lib/wakeups); 5 s")
pump = SHORT.key("pump", "string", "who pumps (pump); its lease")
upload = SHORT.key(
    "upload:<account>:<asset>:<way>", "string", "what RunningHub calls a file (assets.py); 20 hours"
)
uploading = SHORT.key(
    "uploading:<account>:<asset>:<way>",
    "string",
    "who uploads it (assets.py); 90 s after its last sign of life",
)
leaving = SHORT.key(
    "leaving:<asset>",
    "string",
    "its file is being removed (let_go_asset); five minutes, or until it is gone",
)
app = SHORT.key("app:<account>:<app>", "string", "an app's fields (assets.py); ten minutes")
legacy_apps = SHORT.key(
    "legacy:<account>:apps", "string", "apps go on the old path (assets.py); a day"
)
restorer = SHORT.key(
    "restorer", "string", "who restores (copies.py); a minute after its last sign of life"
)
signed_out = SHORT.key(
    "signed-out:<session>", "string", "a session that was ended early (sessions.py); 7 days"
)

ALL = {name: value for name, value in list(globals().items()) if isinstance(value, Key)}
FAMILIES = tuple(value for value in vars(key_families).values() if isinstance(value, Family))
# Of processes that are no more once a backup is restored; all are made anew by those that start.
MOMENTARY = (alive, queue, drainers, idle, bell, pump, uploading, restoring, restorer)
OLD = f"{ROOT}failing:*"  # no release writes these any more; upkeep removes them
OLD_LISTS = (jobs_of_model("*"), jobs_of_tenant("*"), deliveries_in_state("*"))
