"""Which ways of comparing pictures are on, and the digest that names the whole set of models and
tables in use.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ChannelState:
    """on: whether the channel takes part; reason: why it does not, "" while on; model_id: what it
    stores under.
    """

    on: bool
    reason: str
    model_id: str
    dimensions: int


def digest_of(channels: Mapping[str, ChannelState], versions: Mapping[str, str]) -> bytes:
    """32 bytes: SHA-256 over the canonical JSON of all channels that are on and all code and
    table versions.
    """
    active = {name: state.model_id for name, state in channels.items() if state.on}
    text = json.dumps(
        {"channels": active, "versions": dict(versions)}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).digest()
