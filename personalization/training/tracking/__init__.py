from personalization.training.tracking.base import Tracked, Tracker, report_version

__all__ = ["Tracked", "Tracker", "report_version"]
