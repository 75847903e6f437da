"""What calls of a model cost, and how each one that was begun ends in the records."""

from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from typing import Any, TypeVar

from django.utils import timezone

from personalization import conf
from personalization.variants.asking import GenerationCall
from personalization.variants.choices import CallStatus, Purpose
from personalization.variants.generators.base import Answer, GeneratorError, Picture, Receipt, Usage

MILLION = 1_000_000
SMALLEST = Decimal("0.000001")
MOST_TOKENS = 10**9
SETTLED = (
    *("status", "model", "request_id", "input_tokens", "output_tokens"),
    *("money", "latency_ms", "error", "finished_at"),
)
Told = TypeVar("Told", Answer, Picture)


def call_model(call: GenerationCall, ask: Callable[[], Told]) -> Told:
    """Ask, and write down how that ended, whatever happens."""
    try:
        told = ask()
    except GeneratorError as error:
        settle(call, error.receipt, error.status, str(error))
        raise
    except Exception as error:
        settle(call, Receipt(), CallStatus.LOST, type(error).__name__)
        raise
    settle(call, told.receipt)
    return told


def settle(call: GenerationCall, receipt: Receipt, status: CallStatus = CallStatus.OK, error: str = "") -> None:
    """Write down how a call ended and what it used. What the server did not say stays unknown."""
    usage = Usage(_counted(receipt.usage.input_tokens), _counted(receipt.usage.output_tokens))
    prices = (cost(usage, model, call.purpose) for model in (receipt.model, call.model))
    call.money = next((money for money in prices if money is not None), None)
    call.model = receipt.model[:120] or call.model
    call.request_id = receipt.request_id[:200]
    call.input_tokens, call.output_tokens = usage.input_tokens, usage.output_tokens
    call.latency_ms = receipt.latency_ms
    call.status, call.error, call.finished_at = status, error, timezone.now()
    call.save(update_fields=SETTLED)  # its part may be gone by now


def cost(usage: Usage, model: str, purpose: str = Purpose.WORDS) -> Decimal | None:
    """What so many tokens cost by the settings' prices, rounded up; None where a count or a price is not known."""
    prices = conf.get().generator_prices.get(model)
    if prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    written = "image" if purpose == Purpose.IMAGE else "output"
    if not {"input", written} <= prices.keys():
        return None
    exact = usage.input_tokens * _price(prices, "input") + usage.output_tokens * _price(prices, written)
    return (exact / MILLION).quantize(SMALLEST, ROUND_UP)


def _price(prices: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(str(prices[name]))


def _counted(tokens: int | None) -> int | None:
    """A count that can be true; nobody is charged for what a server makes up."""
    return tokens if tokens is not None and 0 <= tokens <= MOST_TOKENS else None
