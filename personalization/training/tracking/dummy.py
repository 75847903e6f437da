"""A tracker that only remembers, for tests."""

from personalization.training.tracking.base import Tracked

tracked: list[Tracked] = []


class DummyTracker:
    """Remembers every run in `tracked`."""

    def track(self, run: Tracked) -> None:
        tracked.append(run)
