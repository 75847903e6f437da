"""One exchange with a server, held to its limits: of time, of size, and of an editor's patience."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import wait
from time import monotonic
from typing import TypeVar

import httpx2
from anyio.from_thread import start_blocking_portal

from personalization.variants.choices import CallStatus

LOOK_SECONDS = 0.25
T = TypeVar("T")


class EndedError(Exception):
    """An exchange that we ended ourselves, and why."""

    def __init__(self, status: CallStatus) -> None:
        super().__init__(status.value)
        self.status = status


def finish(exchange: Callable[[], Awaitable[T]], *, ends: float, is_cancelled: Callable[[], bool]) -> T:
    """Run an exchange in a thread of its own; leave it, its connection closed, at its end or once nobody waits for it.

    No timeout of a socket bounds the whole: a server that sends a byte now and then keeps each of them content.
    `is_cancelled` is asked here, in the caller's thread, because it may use the caller's database connection.
    """
    if is_cancelled():
        raise EndedError(CallStatus.CANCELLED)
    with start_blocking_portal() as portal:
        future = portal.start_task_soon(exchange)
        while not wait([future], timeout=LOOK_SECONDS).done:
            if is_cancelled():
                raise EndedError(CallStatus.CANCELLED)
            if monotonic() >= ends:
                raise EndedError(CallStatus.TIMEOUT)
        return future.result()


def limited_client(*, timeout: httpx2.Timeout, most_bytes: int, uses_proxy: bool) -> httpx2.AsyncClient:
    """A client that reads so much of an answer and no more, and follows no redirection with our key in its hands.

    `uses_proxy`: whether a proxy that the environment names is used, if it names one.
    """

    async def limit(response: httpx2.Response) -> None:
        # Nothing compressed was asked for, and what is would be larger than it looks.
        if response.headers.get("content-encoding", "identity") != "identity":
            raise EndedError(CallStatus.MALFORMED)
        response.stream = _Limited(response.stream, most_bytes)

    return httpx2.AsyncClient(
        timeout=timeout,
        follow_redirects=False,
        trust_env=uses_proxy,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [limit]},
    )


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._stream, self._left = stream, most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            self._left -= len(part)
            if self._left < 0:
                raise EndedError(CallStatus.TOO_LARGE)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
