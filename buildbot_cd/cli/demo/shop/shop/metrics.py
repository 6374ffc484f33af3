"""What the shop tells about itself, in the Prometheus text format."""

WINDOW = 5.0


class Metrics:
    """Counters since the start, and the mean time of the requests of the last five to ten seconds."""

    def __init__(self, now):
        self.requests = 0
        self.errors = 0
        self.signups = 0
        self.seconds = 0.0
        self._window_start = now
        self._recent = [0.0, 0]
        self._before = [0.0, 0]

    def record(self, status, seconds, now):
        """Count one answered request."""
        self.requests += 1
        self.errors += status >= 500
        self.seconds += seconds
        self._turn(now)
        self._recent[0] += seconds
        self._recent[1] += 1

    def _turn(self, now):
        age = now - self._window_start
        if age >= WINDOW:
            self._before = self._recent if age < 2 * WINDOW else [0.0, 0]
            self._recent = [0.0, 0]
            self._window_start = now

    def mean(self, now):
        """Seconds a request took lately, or None when there was none."""
        self._turn(now)
        count = self._recent[1] + self._before[1]
        return (self._recent[0] + self._before[0]) / count if count else None

    def text(self, now):
        """The page for the scraper."""
        values = [
            ("http_requests_total", "counter", self.requests),
            ("http_errors_total", "counter", self.errors),
            ("signups_total", "counter", self.signups),
            ("request_seconds_sum", "counter", self.seconds),
            ("request_seconds_count", "counter", self.requests),
        ]
        mean = self.mean(now)
        if mean is not None:
            values.append(("request_seconds_mean", "gauge", mean))
        return "".join(f"# TYPE {name} {kind}\n{name} {value!r}\n" for name, kind, value in values)
