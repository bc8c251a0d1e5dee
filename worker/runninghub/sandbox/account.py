"""The sandbox's account: balance, keys, what is in flight, prices, the public model list."""

import json
from decimal import Decimal
from typing import Any

from flask import request

from runhook.worker.runninghub.sandbox.answers import (
    Json,
    asked,
    bearer,
    legacy,
    prompt_of,
    v2_error,
)
from runhook.worker.runninghub.sandbox.faults import OF_CAPACITY, OF_PRICES, Faults
from runhook.worker.runninghub.sandbox.garbling import garbled, page
from runhook.worker.runninghub.sandbox.prices import price
from runhook.worker.runninghub.sandbox.tasks import Office

MONEY, COINS = Decimal(999), 99999  # what the account has at the start
RESOURCES = ("UNET", "CHECKPOINT", "LORA", "GGUF")  # what resource/list knows; seen in clients


class Account:
    """Views over one office's account."""

    def __init__(self, faults: Faults, office: Office, models: dict[str, Json]) -> None:
        self._faults = faults
        self._office = office
        self._models = models

    def queue_status(self) -> Any:
        """The key's limit and what is in flight."""
        chosen = self._faults.choose(request.path, among=OF_CAPACITY)
        if "capacity_outage" in chosen:
            return page(503, "Service Unavailable")
        if "capacity_forbidden" in chosen:
            return page(403, "Forbidden")
        if "capacity_refused" in chosen:
            return legacy(int(chosen.value("capacity_refused", 1014)), "Access denied")
        running, queued = self._office.counts()
        data = {
            "apiKeyType": "SHARED",
            "concurrentLimit": self._office.limit,
            "runningCount": str(running),
            "queuedCount": str(queued),
            "totalCurrentTasks": str(running + queued),
        }
        return legacy(0, "success", data)

    def status(self) -> Any:
        """Get Account Information; the key's name is in lower case here."""
        body = asked()
        if not (body.get("apikey") or bearer()):
            return legacy(802, "APIKEY_UNAUTHORIZED")
        running, queued = self._office.counts()
        money, coins = self._office.charged()
        data = {
            "remainCoins": str(COINS - coins),
            "currentTaskCounts": str(running + queued),
            "remainMoney": f"{MONEY - money:f}",
            "currency": "CNY",
            "apiType": "SHARED",
        }
        return legacy(0, "success", data)

    def keys(self) -> Any:
        """The account's keys, masked."""
        rows = [{"apiKey": "sand****box", "apiKeyType": "SHARED", "status": 1}]
        return legacy(0, "success", rows)

    def preview(self, endpoint: str) -> Any:
        """price-preview: the same body as a submit."""
        body = asked()
        text = json.dumps(body, ensure_ascii=False)
        chosen = self._faults.choose(text, prompt_of(body), OF_PRICES, endpoint)
        if not bearer():
            return v2_error("1002", "Invalid API key")
        if "price_missing" in chosen:
            return page(404, "Not Found")
        if "not_shared" in chosen or "price_refused" in chosen:
            refusal = v2_error("1014", "Access denied: enterprise-shared API keys only")
            return garbled(refusal, chosen)
        model = self._models.get(endpoint)
        if model is None:
            return v2_error("1001", "Invalid URL")
        stated = price(model, body)
        told = f"{stated:f}"
        if "price" in chosen:
            told = f"{chosen.value('price', float(stated)):g}"
        return {
            "errorCode": "",
            "errorMessage": "",
            "estimatedPrice": told,
            "currency": "CNY",
            "priceText": f"{told}元/次",
            "priceTextEn": f"{told} CNY",
            "freeLimit": False,
            "freeLimitCount": 0,
            "remainingFreeLimitCount": 0,
            "isFreeThisCall": False,
        }

    def resources(self) -> Any:
        """The public model list."""
        body = asked()
        kind = body.get("resourceType")
        if kind not in RESOURCES or int(body.get("size") or 10) > 50:
            return legacy(301, "PARAMS_INVALID")
        rows = [{"id": "1", "resourceName": f"sandbox-{kind.lower()}", "resourceType": kind}]
        page = {"records": rows, "total": "1", "size": "10", "current": "1", "pages": "1"}
        return legacy(0, "success", page)
