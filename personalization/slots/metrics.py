"""What operators see of serving."""

from prometheus_client import Counter, Histogram

DECISIONS = Counter("personalization_decisions_total", "Decisions by slot and reason.", ["slot", "reason", "fallback"])
SECONDS = Histogram(
    "personalization_decision_seconds",
    "Time to decide for one slot.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.15, 0.3, 1.0),
)
