"""Which run is which: equal configuration, data and format version mean one folder."""

from __future__ import annotations

import hashlib
import re

from movierec_cli.config import TaskWeights
from movierec_cli.registry.record import FORMAT_VERSION, DataIdentity, RunConfig
from movierec_cli.registry.serialization import canonical_json

HASH_LENGTH = 12
_READABLE_LENGTH = 64
RUN_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]*-[0-9a-f]{{{HASH_LENGTH}}}")


def run_name(config: RunConfig, data: DataIdentity) -> str:
    """Names a run's folder, such as "1m-timestamp-movie_genres-0f3a5c7e9b1d".

    A model with two tasks has their weights in it: "1m-timestamp-rating-0.3-retrieval-1-0f3a5c7e9b1d".

    The hash covers the configuration, the data's fingerprints and the format version; the readable
    part in front of it is for people and is cut where it grows long.
    """
    fingerprints = [data.fingerprint, data.lengths_fingerprint]
    identity = {"config": config, "data": fingerprints, "format_version": FORMAT_VERSION}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:HASH_LENGTH]
    kind = _kind(config)
    weights = _weights_slug(config.tasks) if config.tasks is not None else ""
    front = _readable(f"{data.name}-{kind}", _READABLE_LENGTH - len(weights))
    return f"{front}{weights}-{digest}"


def _kind(config: RunConfig) -> str:
    if config.family.is_sequential:
        features = f"-{config.feature_set.slug}" if config.feature_set.features else ""
        return f"{config.family}{features}"
    return config.feature_set.slug if config.family.is_trained else config.family


def _weights_slug(tasks: TaskWeights) -> str:
    """Such as "-rating-0.3-retrieval-1"; it ends the readable part and is never cut."""
    return f"-rating-{tasks.rating:g}-retrieval-{tasks.retrieval:g}".replace("+", "")


def _readable(text: str, length: int) -> str:
    plain = re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-._") or "run"
    return plain[:length].rstrip("-._")
