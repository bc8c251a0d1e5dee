"""/account: what the account has left and may run at once, how that is known, and since when."""

from flask import Response

from runhook.webhook.edge.limits import ASKING
from runhook.webhook.edge.responses import wiring
from runhook.webhook.edge.scopes import caller, open_to
from runhook.webhook.pages.ledger_rows import gauge_of
from runhook.webhook.pages.shell import blueprint as blueprint_of
from runhook.webhook.pages.shell import page
from runhook.worker.domain.answers import AccountView
from runhook.worker.domain.jobs import iso
from runhook.worker.domain.views import moment_view
from runhook.worker.errors import ProviderRefused, ProviderSilent
from runhook.worker.flows import costs
from runhook.worker.flows.steps.budgets import budgets_today
from runhook.worker.wiring import Wiring

NO_KEY = (
    "this process has no RUNNINGHUB_API_KEY, so it cannot ask. The worker has it, and works by "
    "what RunningHub last told it"
)

blueprint = blueprint_of("account_page", __name__)


@blueprint.get("/account")
@open_to("read")
def show() -> Response:
    """What RunningHub says now; where it says nothing, what was known last."""
    w = wiring()
    found, why = _asked(w)
    queue = w.store.queue.state()
    return page(
        "account.html",
        account=found,
        why=why,
        now=iso(w.clock.now()),
        queue=queue,
        shares=queue.document(w.store.queue.tenants()),
        used=min(100, round(100 * queue.in_flight / max(1, queue.limit))),
        by_hand=w.settings.concurrency,
        limit_at=moment_view(w.store.looks.limit_at()),
        site=w.settings.base_url,
        gauges=[gauge_of(one, w.settings.budget_currency) for one in budgets_today(w)],
    )


def _asked(w: Wiring) -> tuple[AccountView | None, str]:
    """The account as RunningHub says now, or why it does not."""
    if not w.settings.api_key:
        return None, NO_KEY
    with ASKING.take(caller().name):
        try:
            return costs.account(w), ""
        except (ProviderRefused, ProviderSilent) as error:
            return None, str(error)
