"""What a server counts, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32)


class ServerMetrics:
    """Of one server; names are those that `/metrics` shows."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "movierec_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "movierec_request_seconds",
            "Time from the request's head to the answer's end.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "movierec_batch_size",
            "Lists that were computed in one product.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self.in_memory = Gauge("movierec_models_in_memory", "Models in memory.", registry=self.registry)
        self.reloaded = Gauge(
            "movierec_models_reloaded",
            "Models that were read again, as they were replaced.",
            registry=self.registry,
        )
        self.waiting = Gauge("movierec_requests_waiting", "Lists not begun yet.", registry=self.registry)

    def text(self) -> bytes:
        """All of it."""
        text: bytes = generate_latest(self.registry)
        return text
