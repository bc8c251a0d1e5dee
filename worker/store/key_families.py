"""What kinds of keys there are: who owns each, and when they end. keys.py has them by name."""

from runhook.worker.store.key_kinds import Family

JOBS = Family(
    title="A job",
    owner="jobs.py, callbacks.py; create, move, mark_left, take_callback",
    end="its job is swept, RUNHOOK_RETENTION_DAYS after it ended",
)
LISTS = Family(
    title="Where jobs stand",
    owner="create, move (lib/jobs), relist; repair_job makes them right",
    end="a member goes when its job changes or is swept",
)
PIPELINES = Family(
    title="Jobs that belong together",
    owner="lineage.py, groups.py; create, move (lib/waiting, lib/groups), sweep",
    end="a member goes when it waits no more or is swept, the last one with the key",
)
BEFORE = Family(
    title="What the release before lists jobs and deliveries by",
    owner="that release; create (lib/jobs), lib/deliveries while `jobs` is there",
    end="upkeep.py, a day after it first met them",
)
QUEUE = Family(
    title="The queue",
    owner="queue.py; move, pause, set_limit, answered (lib/queue, lib/breaker)",
    end="never: there is one of each, and a breaker's is gone once it is reset",
)
DUTIES = Family(
    title="Duties",
    owner="duties.py; claim, finish, fail, pump and all that wake (lib/duties)",
    end="never: there are as many as lanes; a member goes when its duty is done",
)
EVENTS = Family(
    title="Events and deliveries",
    owner="events.py, deliveries.py; open_deliveries, record_delivery, claim (lib/taking)",
    end="sweep, RUNHOOK_RETENTION_DAYS after it happened or was told",
)
PLACES = Family(
    title="Places of those who are told",
    owner="claim (lib/taking), record_delivery, forget_handler (lib/places)",
    end="a member goes when its attempt comes back, counts as lost, or finds a place",
)
RECEIVERS = Family(
    title="Those who are told",
    owner="subscriptions.py, processes.py; change_subscription, publish_handlers, miss",
    end="its subscription is removed, or its handler forgotten a day after it was last seen",
)
PROCESSES = Family(
    title="Processes",
    owner="processes.py; publish_handlers, change_subscription",
    end="never: there are as many as roles, lanes and types of events; a process goes an hour "
    "after its last sign of life",
)
LEDGER = Family(
    title="The ledger",
    owner="bookings.py, ledger.py; create, move, rebook (lib/ledger)",
    end="400 days after the first entry of its day, whatever becomes of the jobs",
    expires=True,
)
TALLIES = Family(
    title="Figures over time",
    owner="tallies.py; move, forget (lib/tally)",
    end="its time to live, which is as long as the plots of the dashboard reach back",
    expires=True,
)
FILES = Family(
    title="Files",
    owner="assets.py",
    end="the sweep finds that nobody used the file, and no job that has not ended needs it, for "
    "RUNHOOK_RETENTION_DAYS",
)
SHORT = Family(
    title="What expires by itself",
    owner="the script or module that is named with each",
    end="its time to live, which is named with it",
    expires=True,
)
