"""One slot's decision in stages: whatever fails or comes too late ends in the editor's fallback, and says so."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from personalization import conf
from personalization.slots.context import ServingContext
from personalization.slots.decision import Reason

logger = logging.getLogger(__name__)

# What these stages do is the same for every slot of a page: what failed once is not tried again.
PAGE_WIDE = frozenset({Reason.MEMORY_FAILED, Reason.VISITOR_FAILED})


class StageError(Exception):
    """A decision cannot go on; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Stages:
    """The stages of one slot, against the time that all slots of its page may take together."""

    def __init__(self, slot: str | int, context: ServingContext) -> None:
        self.slot, self.context = slot, context
        self.start_clock()

    def start_clock(self) -> None:
        """Count from here. Refreshing what the process holds is not counted: giving up after it would gain nothing."""
        self._started = perf_counter()

    def spent_ms(self) -> float:
        """Milliseconds since the clock started."""
        return (perf_counter() - self._started) * 1000

    @contextmanager
    def stage(self, failure: Reason, *, timed: bool = True) -> Iterator[None]:
        """Turn what goes wrong inside into a StageError with this reason; being late is one, too."""
        if failure in self.context.broken:
            raise StageError(failure)
        try:
            yield
        except StageError:
            raise
        except Exception as error:
            self.context.broken |= PAGE_WIDE & {failure}
            log_failure(self.slot, failure, error, self.context)
            raise StageError(failure) from error
        if timed and self.context.spent_ms + self.spent_ms() > conf.get().deadline_ms:
            logger.warning("Slot %s: %s, the fallback is shown.", self.slot, Reason.LATE)
            raise StageError(Reason.LATE)


def log_failure(slot: str | int, failure: str, error: Exception, context: ServingContext) -> None:
    """Log what failed and where, but never who was there: errors may quote what they choked on."""
    visitor = vars(context).get("visitor")
    message = str(error).replace(visitor.key, "…") if visitor else str(error)
    trace = "".join(traceback.format_tb(error.__traceback__))
    logger.error("Slot %s: %s, %s: %s\n%s", slot, failure, type(error).__name__, message, trace)
