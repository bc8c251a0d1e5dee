"""The models RunningHub sells: finding one, checking and completing its input, its price. Pure.

The records are data in `config/models/`; `runhook.config.catalogue` is their schema.
"""

from runhook.config.catalogue import Model, Param, models
from runhook.worker.catalogue.checking import Checked, check, estimate, examine, file_values
from runhook.worker.catalogue.finding import (
    APP,
    COMFY,
    COMFY_KINDS,
    ID,
    QUICK,
    WORKFLOW,
    canonical,
    find,
    is_glob,
    listed_as,
    search,
    siblings,
)
from runhook.worker.catalogue.media import (
    ASSET,
    DATA_URI,
    OLD_UPLOAD,
    Asset,
    Media,
    Reach,
    media_values,
)
from runhook.worker.catalogue.nodes import EVERY_JOB, asset_of
from runhook.worker.catalogue.prices import Quote, Span, may_be_sure, price_words, quote, span
from runhook.worker.catalogue.sentences import rule_words
from runhook.worker.catalogue.values import FILES, describe
from runhook.worker.domain.faults import nearest

__all__ = [
    "APP",
    "ASSET",
    "COMFY",
    "COMFY_KINDS",
    "DATA_URI",
    "EVERY_JOB",
    "FILES",
    "ID",
    "OLD_UPLOAD",
    "QUICK",
    "WORKFLOW",
    "Asset",
    "Checked",
    "Media",
    "Model",
    "Param",
    "Quote",
    "Reach",
    "Span",
    "asset_of",
    "canonical",
    "check",
    "describe",
    "estimate",
    "examine",
    "file_values",
    "find",
    "is_glob",
    "listed_as",
    "may_be_sure",
    "media_values",
    "models",
    "nearest",
    "price_words",
    "quote",
    "rule_words",
    "search",
    "siblings",
    "span",
]
