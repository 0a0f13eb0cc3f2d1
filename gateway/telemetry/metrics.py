"""Metrics: what Prometheus reads on the operator plane.

Lives only here: metric names and their bounded labels. Labels come from closed sets or from the configuration, never from
what a caller sent. Must not know rooms; the audit trail shows it every ended request, `app.py` tells it the rest.
"""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.model.ended import Ended
from gateway.telemetry.conventions import DURATION_BUCKETS, error_type, method_of, target_of

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_OPERATION = ("mcp_method_name", "gen_ai_tool_name", "error_type")
_STANDING: Final = {"closed": 0, "half-open": 1, "open": 2}


class Meter:
    """The process's metrics. Children are kept by their labels, which are few: finding one costs a tenth of `labels`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ended = cache(
            Counter(
                "sallyport_requests",
                "Requests by kind, outcome and reason",
                ["kind", "outcome", "reason"],
                registry=self.registry,
            ).labels
        )
        self._seconds = cache(
            Histogram(
                "sallyport_call_seconds",
                "Seconds a call took, whole road",
                ["tool"],
                buckets=_BUCKETS,
                registry=self.registry,
            ).labels
        )
        self._served = cache(self._operations("mcp_server_operation_duration_seconds", "answering the agent").labels)
        self._asked = cache(self._operations("mcp_client_operation_duration_seconds", "asking the tool").labels)
        self._findings = Counter(
            "sallyport_findings", "What the cleaning found", ["upstream", "finding"], registry=self.registry
        )
        self.policy_stale = Gauge(
            "sallyport_policy_stale",
            "1 while a changed policy was refused and the old one is kept",
            registry=self.registry,
        )
        self._breakers = Gauge("sallyport_breaker", "0 closed, 1 half open, 2 open", ["target"], registry=self.registry)
        self.doubts = Gauge(
            "sallyport_doubts_open", "Calls in doubt that wait for a probe or a person", registry=self.registry
        )
        self._store = Gauge(
            "sallyport_store_up", "1 while calls that leave traces can be written", registry=self.registry
        )
        self._store.set(1)
        self._lag = Gauge("sallyport_loop_lag_seconds", "How late the event loop is", registry=self.registry)
        self._memory = Gauge("sallyport_memory_share", "Share of the memory limit in use", registry=self.registry)
        self._shedding = Gauge(
            "sallyport_shedding",
            "What is turned away: 0 nothing, 1 reads of batch agents, 2 all reads, 3 new calls",
            registry=self.registry,
        )

    def ended(self, ended: Ended) -> None:
        """Counts one request."""
        facts = ended.facts
        kind, tool, error = facts["kind"], target_of(facts), error_type(facts) or ""
        self._ended(kind, facts["outcome"], facts.get("reason", "")).inc()
        seconds = ended.ended - ended.began
        if (method := method_of(facts)) is not None:
            self._served(method, tool or "", error).observe(seconds)
            if ended.sent is not None:
                self._asked(method, tool or "", error).observe(ended.sent[1] - ended.sent[0])
        if tool is not None:
            self._seconds(tool).observe(seconds)
        for finding, count in (facts.get("findings") or {}).items():
            self._findings.labels(facts.get("upstream", ""), finding).inc(count)

    def breaker(self, target: str, standing: str) -> None:
        """How the breaker of an upstream, or of one of its tools, stands: `closed`, `half-open` or `open`."""
        self._breakers.labels(target).set(_STANDING[standing])

    def store(self, *, up: bool) -> None:
        """Whether the store of the ledger answers."""
        self._store.set(up)

    def pressed(self, lag_s: float, memory: float, level: int) -> None:
        """How hard the process is pressed, and what it turns away for that."""
        self._lag.set(lag_s)
        self._memory.set(memory)
        self._shedding.set(level)

    def text(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)

    def _operations(self, name: str, doing: str) -> Histogram:
        told = f"Seconds spent {doing}, by the MCP conventions"
        return Histogram(name, told, _OPERATION, buckets=DURATION_BUCKETS, registry=self.registry)
