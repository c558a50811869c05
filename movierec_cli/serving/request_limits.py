"""How much a server does for whom: sizes, times and rates."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST_CLIENTS = 10_000  # whose rates are remembered; of more, those not heard of longest are forgotten


@dataclass(frozen=True)
class Limits:
    """What a request may be."""

    body_bytes: int = 64 << 10
    body_s: float = 10.0  # until it has been received whole
    headers_s: float = 10.0  # likewise
    answer_s: float = 30.0  # until it is answered
    head_bytes: int = 32 << 10
    connections: int = 512
    at_once: int = 256  # that are being answered
    per_second: float = 1_000.0  # requests of one address; 0: as many as it likes


class Rates:
    """Requests a second of each address: a bucket that holds those of two seconds and is filled steadily."""

    def __init__(self, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._now = per_second, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when

    def wait_s(self, address: str) -> float:
        """0, and the request is counted; or how long to wait until the next one is taken."""
        if self._per_second <= 0:
            return 0.0
        now, most = self._now(), max(1.0, 2 * self._per_second)
        left, then = self._buckets.pop(address, (most, now))
        left = min(most, left + (now - then) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._buckets[address] = (left - (wait == 0), now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait
