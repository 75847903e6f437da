"""A breaker between us and a server that is down: all workers leave it alone for a while, then one of them tries."""

from collections.abc import Callable
from time import time
from typing import TypeVar

from django.utils.translation import ngettext

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import Answer, Generator, GeneratorError, Picture, Prompt, Receipt, Usage
from personalization.variants.generators.remembering import claim, count, forget, recall, remember

# Of the server, whoever asks and whatever is asked.
FAULTS = frozenset({CallStatus.TIMEOUT, CallStatus.UNREACHABLE, CallStatus.SERVER_ERROR})
DAY = 86_400
T = TypeVar("T")


class Breaker:
    """A generator that is not asked for `pause` seconds after so many faults of its server in a row.

    After the pause one call is let through: if it succeeds everybody may call again, else the pause begins anew.
    Workers share what they know through Django's cache; when that is gone, every call is let through.
    """

    def __init__(self, generator: Generator, *, faults: int = 5, pause: float = 60.0, trial: float = 300.0) -> None:
        self.generator, self.faults, self.pause, self.trial = generator, faults, pause, trial
        mark = getattr(generator, "mark", f"{generator.name}:{generator.model}")
        self._count, self._until, self._trying = (f"{word}:{mark}" for word in ("faults", "until", "trying"))

    @property
    def name(self) -> str:
        return self.generator.name

    @property
    def model(self) -> str:
        return self.generator.model

    @property
    def image_model(self) -> str:
        return self.generator.image_model

    @property
    def draws(self) -> bool:
        return self.generator.draws

    def missing(self) -> str:
        return self.generator.missing()

    def write(self, prompt: Prompt, *, is_cancelled: Callable[[], bool]) -> Answer:
        return self._guard(lambda: self.generator.write(prompt, is_cancelled=is_cancelled))

    def draw(self, description: str, *, is_cancelled: Callable[[], bool]) -> Picture:
        return self._guard(lambda: self.generator.draw(description, is_cancelled=is_cancelled))

    def waits(self) -> float:
        """For how many seconds it will not be asked; 0 if it may be."""
        until = recall(self._until)
        return max(until - time(), 0.0) if isinstance(until, float) else 0.0

    def _guard(self, call: Callable[[], T]) -> T:
        self._pass()
        try:
            result = call()
        except GeneratorError as error:
            self._note(error.status)
            raise
        except BaseException:
            forget(self._trying)
            raise
        self._note(CallStatus.OK)
        return result

    def _pass(self) -> None:
        """Let a call through, or refuse it."""
        if recall(self._until) is None:
            return
        if seconds := self.waits():
            raise self._refusal(seconds)
        if not claim(self._trying, self.trial):
            raise self._refusal(self.pause)

    def _note(self, status: CallStatus) -> None:
        """Learn from how a call ended. One that was cancelled says nothing; any answer says that the server is up."""
        if status in FAULTS:
            is_trial = recall(self._until) is not None
            if count(self._count, DAY) >= self.faults or is_trial:
                remember(self._until, time() + self.pause, DAY)
            forget(self._trying)
        elif status == CallStatus.CANCELLED:
            forget(self._trying)
        else:
            forget(self._count, self._until, self._trying)

    def _refusal(self, seconds: float) -> GeneratorError:
        whole = max(round(seconds), 1)
        message = ngettext(
            "The language model failed several times in a row, so it is left alone for another second.",
            "The language model failed several times in a row, so it is left alone for another %(seconds)d seconds. "
            "What you asked for is not lost; if it stays so, tell whoever runs this site.",
            whole,
        ) % {"seconds": whole}
        receipt = Receipt(model=self.model, usage=Usage(0, 0))  # it was not asked
        return GeneratorError(CallStatus.UNREACHABLE, message, retry_after=seconds, receipt=receipt)
