"""Receivers and what was delivered to each, as users see it: the JSON of the contract. Pure."""

from collections.abc import Mapping
from typing import Any

from runhook.worker.delivery.answers import (
    DeliveryView,
    HandlerView,
    SampleView,
    SubscriptionView,
    TryView,
)
from runhook.worker.delivery.roster import Member
from runhook.worker.domain.events import Outcome
from runhook.worker.domain.receivers import Health
from runhook.worker.domain.views import list_view, moment_view
from runhook.worker.store import Delivery, Subscription


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery with each attempt; `status` and `why` are the last one's."""
    last: Mapping[str, Any] = {}
    if delivery.tries:
        last = delivery.tries[-1]
    return {
        "id": delivery.id,
        "event": delivery.event,
        "type": delivery.type,
        "job": delivery.job,
        "handler": delivery.handler,
        "state": delivery.state,
        "created_at": moment_view(delivery.opened_at),
        "next_at": moment_view(delivery.due_at),
        "attempts": [_attempt(tried) for tried in delivery.tries],
        "status": last.get("status"),
        "why": last.get("why"),
    }


def _attempt(tried: Mapping[str, Any]) -> TryView:
    return {
        "n": tried.get("n"),
        "at": tried.get("at"),
        "outcome": tried.get("outcome"),
        "status": tried.get("status"),
        "answer": tried.get("answer"),
        "why": tried.get("why"),
        "took": tried.get("took"),
    }


def subscription_view(subscription: Subscription, health: Health, missed: int) -> SubscriptionView:
    """A subscription without its secret.

    Args:
        subscription: As it is kept.
        health: How deliveries to it go.
        missed: Deliveries that it did not take, which wait for somebody to redeliver them.
    """
    view: SubscriptionView = {
        "id": subscription.id,
        "url": subscription.url,
        "events": list(subscription.events) or None,
        "models": list(subscription.models) or None,
        "include": list(subscription.include) or None,
        "enabled": subscription.enabled,
        "why_disabled": subscription.why or None,
        "failing_since": moment_view(health.failing_since),
        "rests_until": moment_view(health.left_alone_until),
        "missed": missed,
        "created_at": moment_view(subscription.created_at),
        "updated_at": moment_view(subscription.updated_at),
    }
    if missed:
        view["send_missed"] = {
            "POST": "/v1/deliveries/redeliver",
            "body": {"handler": subscription.id},
        }
    return view


def sample_view(event_type: str, outcome: Outcome) -> SampleView:
    """How a subscriber took a sample."""
    return {
        "delivered": outcome.word == "done",
        "type": event_type,
        "status": outcome.status,
        "answer": outcome.answer,
        "why": outcome.why,
        "took": round(outcome.took, 3),
    }


def handler_view(member: Member) -> HandlerView:
    """A handler: whether a process has it, and what waits for it."""
    return {
        "name": member.name,
        "events": list_view(member.types),
        "model": member.model,
        "alive": member.alive,
        "pending": member.pending,
        "dead": member.dead,
        "since": moment_view(member.since),
        "seen_at": moment_view(member.seen_at),
        "oldest": moment_view(member.oldest),
    }
