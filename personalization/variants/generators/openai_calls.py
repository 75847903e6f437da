"""Calls by the OpenAI SDK, each made once. Importing it takes 40 MB: only processes that call a model do so."""

import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import httpx2
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, OpenAIError

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import GeneratorError, Receipt
from personalization.variants.generators.exchange import EndedError, finish, limited_client
from personalization.variants.generators.failures import failure, failure_of_status
from personalization.variants.generators.openai_access import NO_KEY, Access

logger = logging.getLogger(__name__)
# At DEBUG the SDK logs whole requests. Who wants prompts in a log has to say so for this very logger.
if logging.getLogger("openai").level == logging.NOTSET:
    logging.getLogger("openai").setLevel(logging.INFO)

ENDPOINTS: Mapping[str, Callable[[AsyncOpenAI], Any]] = {
    "responses": lambda client: client.responses.with_raw_response.create,
    "chat": lambda client: client.chat.completions.with_raw_response.create,
    "images": lambda client: client.images.with_raw_response.generate,
}


def call(
    endpoint: str,
    arguments: Mapping[str, Any],
    *,
    access: Access,
    ends: float,
    most_bytes: int,
    is_cancelled: Callable[[], bool],
) -> tuple[Any, Receipt]:
    """The JSON that an endpoint answers, and what is known of the call; raise GeneratorError for everything else."""
    started = monotonic()

    def receipt(headers: Mapping[str, str] | None = None) -> Receipt:
        said = (headers or {}).get("x-request-id", "")
        request_id = "".join(letter for letter in said[:200] if letter.isprintable())
        return Receipt(request_id=request_id, latency_ms=round(1000 * (monotonic() - started)))

    async def exchange() -> httpx2.Response:
        limits = httpx2.Timeout(access.read_seconds, connect=access.connect_seconds)
        async with (
            limited_client(timeout=limits, most_bytes=most_bytes, uses_proxy=not access.is_local) as http,
            AsyncOpenAI(
                api_key=access.api_key or NO_KEY,
                base_url=access.base_url,
                max_retries=0,
                timeout=limits,
                http_client=http,
            ) as client,
        ):
            return (await ENDPOINTS[endpoint](client)(**arguments)).http_response

    try:
        response = finish(exchange, ends=ends, is_cancelled=is_cancelled)
        return json.loads(response.content), receipt(response.headers)
    except EndedError as error:
        failed = failure(error.status, receipt=receipt())
    except APIStatusError as error:
        headers = error.response.headers
        failed = failure_of_status(error.status_code, headers=headers, error=str(error.code), receipt=receipt(headers))
    except APIConnectionError as error:
        failed = failure(_status_of(error.__cause__), receipt=receipt())
    except (OpenAIError, httpx2.HTTPError):
        failed = failure(CallStatus.SERVER_ERROR, receipt=receipt())
    except (ValueError, RecursionError):
        failed = failure(CallStatus.MALFORMED, receipt=receipt(response.headers))
    _tell(endpoint, failed)
    # The cause stays behind: it carries the request, and with it the prompt and the key.
    raise failed from None


def _status_of(cause: BaseException | None) -> CallStatus:
    if isinstance(cause, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)):
        return CallStatus.UNREACHABLE
    return CallStatus.TIMEOUT if isinstance(cause, httpx2.TimeoutException) else CallStatus.SERVER_ERROR


def _tell(endpoint: str, error: GeneratorError) -> None:
    known = error.receipt
    logger.warning(
        "The model's %s endpoint gave nothing: %s, after %s ms, request id %r.",
        endpoint,
        error.status.value,
        known.latency_ms,
        known.request_id,
    )
