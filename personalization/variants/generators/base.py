"""What every generator does: answer a prompt with words of an agreed form, or say clearly why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from personalization.variants.choices import CallStatus


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model is asked. `system` holds instructions only; whatever a page says is data, and stands in `user`."""

    system: str
    user: str
    schema: Mapping[str, Any]
    schema_name: str = "alternatives"
    max_output_tokens: int = 1000


@dataclass(frozen=True)
class Usage:
    """Tokens read and written, as the server counted them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """Both together; what is unknown of one is unknown of both."""
        pairs = ((self.input_tokens, other.input_tokens), (self.output_tokens, other.output_tokens))
        return Usage(*(None if one is None or two is None else one + two for one, two in pairs))


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What is known of one call, whether it went well or not."""

    model: str = ""
    request_id: str = ""
    latency_ms: int | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Alternatives, each a text by field, of the form that the schema states: nothing else has been checked."""

    alternatives: tuple[Mapping[str, str], ...]
    receipt: Receipt


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image as bytes of a known format: "png", "jpeg" or "webp"."""

    content: bytes
    format: str
    receipt: Receipt


class GeneratorError(Exception):
    """A call that gave nothing usable. The text tells an editor what happened and what to do.

    `retry_after` (seconds) is set where trying again later may help: None means that it would not.
    """

    def __init__(
        self, status: CallStatus, message: str, *, retry_after: float | None = None, receipt: Receipt | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after, self.receipt = status, retry_after, receipt or Receipt()


class Generator(Protocol):
    """Writes words and, if it can, draws images. It tries once: whether and when again is the caller's to say.

    `model` and `image_model` are what price lists call them; where `draws` is false nobody calls `draw`.
    """

    name: str
    model: str
    image_model: str
    draws: bool

    def missing(self) -> str:
        """What has to be configured before it can work, in words for the site's operator; empty if nothing."""

    def write(self, prompt: Prompt, *, is_cancelled: Callable[[], bool]) -> Answer:
        """Answer a prompt; raise GeneratorError. `is_cancelled` is asked at least once a second."""

    def draw(self, description: str, *, is_cancelled: Callable[[], bool]) -> Picture:
        """Draw an image of what is described; raise GeneratorError."""
