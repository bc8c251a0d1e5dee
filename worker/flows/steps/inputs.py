"""What is known of an input before it is checked: its files, and the fields of its app."""

from typing import Any

from runhook.worker import catalogue
from runhook.worker.catalogue import Asset, Media
from runhook.worker.domain.reports import App
from runhook.worker.errors import Fault, InvalidRequest, ProviderRefused, ProviderSilent
from runhook.worker.files.measure import measure_data_uri
from runhook.worker.flows.steps.prepare import app_of
from runhook.worker.wiring import Wiring


def assets_in(given: Any) -> list[str]:
    """The ids of the assets that an input names."""
    named = (catalogue.asset_of(value) for value in catalogue.media_values(given))
    found = (catalogue.ASSET.fullmatch(name) for name in named)
    return list(dict.fromkeys(match[1] for match in found if match))


def media_of(w: Wiring, given: Any) -> dict[str, Media]:
    """What is known of the files in an input: kept assets, and data URIs as they are."""
    kept: dict[str, Asset] = w.store.assets.many(assets_in(given))
    known = {f"asset:{name}": asset.media for name, asset in kept.items()}
    for value in catalogue.media_values(given):
        if value.startswith("data:") and (found := measure_data_uri(value)):
            known[value] = found
    return known


def app_fields(w: Wiring, model: str) -> App | None:
    """An app's fields, if they can be had now. Else RunningHub checks them, before it is paid."""
    found = catalogue.APP.fullmatch(model) or catalogue.QUICK.fullmatch(model)
    if found is None or not w.settings.api_key:
        return None
    try:
        return app_of(w, found[1])
    except ProviderRefused as refused:
        raise InvalidRequest(
            [Fault(path="model", message=f"RunningHub does not show this app: {refused}")]
        ) from None
    except ProviderSilent:
        return None
