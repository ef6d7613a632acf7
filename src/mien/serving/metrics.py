"""Counts of the server in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The counters of one server.

    Attributes:
        registry: what /metrics writes.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mien_requests", "Requests served", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "mien_request_seconds",
            "Seconds from a request to its response",
            ("route",),
            registry=self.registry,
            buckets=SECONDS,
        )
        self.images = Counter("mien_images", "Images read, by outcome", ("outcome",), registry=self.registry)
        self.videos = Counter("mien_videos", "Videos read, by outcome", ("outcome",), registry=self.registry)
        self.faces = Counter("mien_faces", "Faces found", registry=self.registry)
        self.waiting = Gauge("mien_waiting", "Requests that wait or are read", registry=self.registry)
        self.streams = Gauge("mien_streams", "Connections with live frames", registry=self.registry)
        self.replaced = Counter(
            "mien_processes_replaced", "Processes that died or were killed", ("kind",), registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a served request."""
        known = method if method in ("GET", "HEAD", "POST", "DELETE") else "other"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
