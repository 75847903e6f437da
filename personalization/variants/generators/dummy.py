"""A generator without a model, for tests and trials; and the shortest example of one."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import Answer, Picture, Prompt, Receipt, Usage
from personalization.variants.generators.failures import failure

LETTERS_PER_TOKEN = 4
OPENINGS = (
    "Read this slowly, over a pot of tea",
    "Worth a quiet evening and a second look",
    "What most people walk past every day",
    "Begin here if you have ten minutes",
    "A short walk through a large subject",
)


class DummyGenerator:
    """Writes the same words for the same prompt, in plain English that means nothing in particular.

    A template for generators of your own: it has all that `base.Generator` asks for. `model` is how it is to be called
    in records and price lists.
    """

    name = "dummy"
    draws = True

    def __init__(self, *, model: str = "dummy") -> None:
        self.model = self.image_model = model

    def missing(self) -> str:
        return ""

    def write(self, prompt: Prompt, *, is_cancelled: Callable[[], bool]) -> Answer:
        if is_cancelled():
            raise failure(CallStatus.CANCELLED, receipt=self._receipt("", Usage()))
        asked = f"{prompt.system}\n{prompt.user}"
        seed = hashlib.sha256(asked.encode(errors="replace")).digest()
        form = prompt.schema["properties"]["alternatives"]
        names = form["items"]["properties"]
        alternatives = tuple(
            {name: _words(seed[0] + number + place, one) for place, (name, one) in enumerate(names.items())}
            for number in range(form.get("minItems", 1))
        )
        written = sum(len(text) for one in alternatives for text in one.values())
        usage = Usage(len(asked) // LETTERS_PER_TOKEN + 1, written // LETTERS_PER_TOKEN + 1)
        return Answer(alternatives=alternatives, receipt=self._receipt(seed.hex(), usage))

    def draw(self, description: str, *, is_cancelled: Callable[[], bool]) -> Picture:
        if is_cancelled():
            raise failure(CallStatus.CANCELLED, receipt=self._receipt("", Usage()))
        seed = hashlib.sha256(description.encode(errors="replace")).digest()
        out = io.BytesIO()
        Image.new("RGB", (320, 200), tuple(seed[:3])).save(out, "PNG")
        usage = Usage(len(description) // LETTERS_PER_TOKEN + 1, 0)
        return Picture(content=out.getvalue(), format="png", receipt=self._receipt(seed.hex(), usage))

    def _receipt(self, request_id: str, usage: Usage) -> Receipt:
        return Receipt(model=self.model, request_id=request_id[:16], latency_ms=0, usage=usage)


def _words(number: int, form: dict[str, Any]) -> str:
    return OPENINGS[number % len(OPENINGS)][: form.get("maxLength")].rstrip(" ,")
