"""OpenAI, or any server that speaks its protocol: vLLM, Ollama, llama.cpp and others."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic
from types import ModuleType
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import Answer, GeneratorError, Picture, Prompt, Receipt, Usage
from personalization.variants.generators.failures import TURNED_AWAY, NoEndpointError, failure
from personalization.variants.generators.openai_access import Access
from personalization.variants.generators.openai_questions import as_chat, as_response, sendable
from personalization.variants.generators.pictures import MOST_BYTES, decoded, format_of
from personalization.variants.generators.reading import (
    Reading,
    alternatives_in,
    read_completion,
    read_images,
    read_response,
)
from personalization.variants.generators.remembering import forget, recall, remember

MODES = ("auto", "responses", "chat")
READERS: Mapping[str, Callable[[Any], Reading]] = {"responses": read_response, "chat": read_completion}
REMEMBERED_SECONDS = 86_400
MOST_BYTES_OF_WORDS = 1024 * 1024
# What shows that an endpoint does not do what we need; some servers have one that ignores the form of the answer.
LACKING = (CallStatus.BAD_REQUEST, CallStatus.MALFORMED, CallStatus.CUT_OFF)
NO_PICTURE = _(
    "What came is no image that can be kept: it has to be a PNG, JPEG or WebP of at most 4096 pixels a side. "
    "Try again; if it stays so, another model is needed."
)


class OpenAIGenerator:
    """Asks by the Responses API where the server has it with structured output, else by Chat Completions.

    Which of the two it is shows at the first call, and is remembered for a day. Each one is asked once: the SDK's own
    retries are off, for whoever calls this sees to that, and no second retry is wanted below the first.
    """

    name = "openai"

    def __init__(
        self,
        *,
        model: str = "",
        image_model: str = "",
        image_size: str = "1024x1024",
        mode: str = "auto",
        extra_body: Mapping[str, Any] | None = None,
        notice: str = "",
        **access: Any,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode has to be one of {', '.join(MODES)}.")
        self.model, self.image_model, self.image_size = model, image_model, image_size
        self.mode, self.extra_body, self.notice = mode, dict(extra_body or {}), notice
        self.access = Access(**access)

    @property
    def draws(self) -> bool:
        return bool(self.image_model)

    @property
    def mark(self) -> str:
        """What tells this model at this address from others, for what workers remember of it."""
        return self.access.mark(self.model)

    def missing(self) -> str:
        if not self.model:
            return gettext("No model is named: set model in GENERATOR_OPTIONS to one that the server has.")
        return self.access.missing()

    def write(self, prompt: Prompt, *, is_cancelled: Callable[[], bool]) -> Answer:
        _sdk()  # before the clock starts
        ends = monotonic() + self.access.deadline_seconds
        known = recall(f"endpoint:{self.mark}") if self.mode == "auto" else self.mode
        if known not in READERS:
            return self._probe(prompt, ends, is_cancelled)
        try:
            return self._ask(known, prompt, ends, is_cancelled)
        except NoEndpointError:
            forget(f"endpoint:{self.mark}")
            raise

    def draw(self, description: str, *, is_cancelled: Callable[[], bool]) -> Picture:
        _sdk()
        seconds = self.access.deadline_seconds
        # While it draws a server is silent. An answer with an address of the image is not wanted: see read_images.
        asks_for_bytes = {} if self.image_model.startswith(("gpt-", "chatgpt-")) else {"response_format": "b64_json"}
        arguments = {"model": self.image_model, "prompt": sendable(description), "n": 1, "size": self.image_size}
        body, receipt = self._call(
            "images",
            arguments | asks_for_bytes,
            access=replace(self.access, read_seconds=seconds),
            ends=monotonic() + seconds,
            most_bytes=MOST_BYTES,
            is_cancelled=is_cancelled,
        )
        reading = read_images(body)
        receipt = replace(receipt, model=self.image_model, usage=reading.usage)
        content = decoded(reading.text)
        form = format_of(content)
        if not form:
            raise failure(CallStatus.MALFORMED, receipt=receipt, message=NO_PICTURE)
        return Picture(content=content, format=form, receipt=receipt)

    def _probe(self, prompt: Prompt, ends: float, is_cancelled: Callable[[], bool]) -> Answer:
        """Ask by the Responses API, and if that does not do, by Chat Completions; remember which one did."""
        endpoint, spent = "responses", Usage(0, 0)
        try:
            answer = self._ask(endpoint, prompt, ends, is_cancelled)
        except GeneratorError as error:
            if error.status not in LACKING:
                raise
            if error.status != CallStatus.BAD_REQUEST:
                spent = error.receipt.usage
            endpoint = "chat"
            answer = self._ask_again(endpoint, prompt, ends, is_cancelled, spent)
        remember(f"endpoint:{self.mark}", endpoint, REMEMBERED_SECONDS)
        return answer

    def _ask_again(
        self, endpoint: str, prompt: Prompt, ends: float, is_cancelled: Callable[[], bool], spent: Usage
    ) -> Answer:
        try:
            return self._ask(endpoint, prompt, ends, is_cancelled, spent)
        except GeneratorError as error:
            if error.status in TURNED_AWAY and spent != Usage(0, 0):
                error.receipt = replace(error.receipt, usage=spent)  # what the first question took is known
            raise

    def _ask(
        self,
        endpoint: str,
        prompt: Prompt,
        ends: float,
        is_cancelled: Callable[[], bool],
        spent: Usage = Usage(0, 0),  # noqa: B008 - it is frozen
    ) -> Answer:
        arguments = as_response(prompt) if endpoint == "responses" else as_chat(prompt, self.access.is_openai)
        body, receipt = self._call(
            endpoint,
            arguments | {"model": self.model},
            access=self.access,
            ends=ends,
            most_bytes=MOST_BYTES_OF_WORDS,
            is_cancelled=is_cancelled,
        )
        reading = READERS[endpoint](body)
        receipt = replace(receipt, model=reading.model or self.model, usage=reading.usage + spent)
        if reading.status != CallStatus.OK:
            raise failure(reading.status, receipt=receipt)
        alternatives = alternatives_in(reading.text, prompt.schema)
        if alternatives is None:
            raise failure(CallStatus.MALFORMED, receipt=receipt)
        return Answer(alternatives=alternatives, receipt=receipt)

    def _call(self, endpoint: str, arguments: Mapping[str, Any], **limits: Any) -> tuple[Any, Receipt]:
        extra = {"extra_body": self.extra_body} if self.extra_body and endpoint != "images" else {}
        try:
            return _sdk().call(endpoint, {**arguments, **extra}, **limits)
        except GeneratorError as error:
            error.receipt = replace(error.receipt, model=arguments["model"])
            raise


def _sdk() -> ModuleType:
    # Imported here because it takes 40 MB: only processes that ask a model pay for it.
    from personalization.variants.generators import openai_calls

    return openai_calls
