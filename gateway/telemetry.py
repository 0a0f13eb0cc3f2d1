"""Metrics and log set-up: what is emitted beside the journal.

Lives only here: metric names, their bounded labels, the form of a log line. Must not know rooms; the audit trail shows it
every terminal entry. Labels come from closed sets or from the configuration, never from what a caller sent.
"""

import logging
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Meter:
    """The process's metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ended = Counter(
            "sallyport_requests",
            "Requests by kind, outcome and reason",
            ["kind", "outcome", "reason"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sallyport_call_seconds",
            "Seconds a tools/call took, whole road",
            ["tool"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._findings = Counter(
            "sallyport_findings", "What the cleaning found", ["upstream", "finding"], registry=self.registry
        )
        self.policy_stale = Gauge(
            "sallyport_policy_stale",
            "1 while a changed policy was refused and the old one is kept",
            registry=self.registry,
        )

    def ended(self, entry: Mapping[str, Any]) -> None:
        """Counts one terminal entry."""
        self._ended.labels(entry["kind"], str(entry["outcome"]), entry.get("reason", "")).inc()
        if (tool := entry.get("tool")) is not None:
            self._seconds.labels(tool).observe(entry["ms"]["total"] / 1000)
        for finding, count in (entry.get("findings") or {}).items():
            self._findings.labels(entry.get("upstream", ""), finding).inc(count)

    def text(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)


def log_to_stderr(level: str) -> None:
    """One line per event on stderr. Nothing secret is ever logged, so there is nothing to filter here."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for noisy in ("aiohttp", "httpx2", "httpcore2", "watchfiles", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
