"""The models RunningHub sells: finding one, checking and completing its input, its price. Pure.

The records are data in `config/models/`; `config.catalogue` is their schema.
"""

from config.catalogue import Model, Param, models
from worker.catalogue.checking import Checked, check
from worker.catalogue.finding import (
    APP,
    COMFY,
    COMFY_KINDS,
    QUICK,
    WORKFLOW,
    canonical,
    find,
    nearest,
    search,
)
from worker.catalogue.media import ASSET, DATA_URI, Asset, Media, Reach, media_values
from worker.catalogue.nodes import OLD_UPLOAD, asset_of
from worker.catalogue.prices import Quote, price_words, quote
from worker.catalogue.sentences import rule_words
from worker.catalogue.values import FILES, describe

__all__ = [
    "APP",
    "ASSET",
    "COMFY",
    "COMFY_KINDS",
    "DATA_URI",
    "FILES",
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
    "asset_of",
    "canonical",
    "check",
    "describe",
    "find",
    "media_values",
    "models",
    "nearest",
    "price_words",
    "quote",
    "rule_words",
    "search",
]
