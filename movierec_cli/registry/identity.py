"""Which run is which: equal configuration, data and format version mean one folder."""

from __future__ import annotations

import hashlib
import re

from movierec_cli.config import Family
from movierec_cli.registry.record import FORMAT_VERSION, DataIdentity, RunConfig
from movierec_cli.registry.serialization import canonical_json

HASH_LENGTH = 12
_READABLE_LENGTH = 64
RUN_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]*-[0-9a-f]{{{HASH_LENGTH}}}")


def run_name(config: RunConfig, data: DataIdentity) -> str:
    """Names a run's folder, such as "1m-timestamp-movie_genres-0f3a5c7e9b1d".

    The hash covers the configuration, the data's fingerprints and the format version; the readable
    part in front of it is for people and is cut where it grows long.
    """
    fingerprints = [data.fingerprint, data.lengths_fingerprint]
    identity = {"config": config, "data": fingerprints, "format_version": FORMAT_VERSION}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:HASH_LENGTH]
    kind = config.feature_set.slug if config.family is Family.TWO_TOWER else config.family
    return f"{_readable(f'{data.name}-{kind}')}-{digest}"


def _readable(text: str) -> str:
    plain = re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-._") or "run"
    return plain[:_READABLE_LENGTH].rstrip("-._")
