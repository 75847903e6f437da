"""A real HTTP server on loopback that speaks the OpenAI protocol, in the mood that a test chooses.

    with OpenAIServer("well") as server:
        settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
        ...
        server.mood = "rate_limited"         # for all that follow; or, one after the other:
        server.moods = ["broken", "well"]
        assert server.asked[0].user          # what the model was asked

It has the Responses API, Chat Completions and the images endpoint. `has_responses = False` takes the first away, and
`words` replaces what it writes: a list of alternatives, or a function of the request that returns such a list.
"""

import base64
import gzip
import io
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

KEY = "sk-test-0123456789abcdefghij"
MODEL = "test-model"
PRICES = {MODEL: {"input": 2.0, "output": 8.0, "image": 40.0}}
# Plain English without a figure, a name or a claim, so that no guardrail has anything to say.
SENTENCES = (
    "Read this slowly, over a pot of tea",
    "Worth a quiet evening and a second look",
    "What most people walk past every day",
    "Begin here if you have ten minutes",
    "A short walk through a large subject",
)
SCRIPT = "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>Read on"
SCHEMELESS = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def system(self) -> str:
        return self.body.get("instructions") or self._said_by("system")

    @property
    def user(self) -> str:
        given = self.body.get("input")
        return given if isinstance(given, str) else self._said_by("user")

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema that the answer is to have."""
        form = self.body.get("text", {}).get("format") or self.body.get("response_format", {}).get("json_schema") or {}
        return form.get("schema", SCHEMELESS)

    def _said_by(self, role: str) -> str:
        messages = self.body.get("messages") or self.body.get("input") or []
        return "\n".join(message["content"] for message in messages if message["role"] == role)


class OpenAIServer(ThreadingHTTPServer):
    """Answers on 127.0.0.1, on a port of its own, until the `with` block ends."""

    daemon_threads = True

    def __init__(self, mood: str = "well") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mood = mood
        self.moods: list[str] = []
        self.asked: list[Asked] = []
        self.words: list[dict[str, str]] | Callable[[Asked], list[dict[str, str]]] | None = None
        self.text: str | None = None  # what the model writes, instead of JSON made of the words
        self.raw: bytes | None = None  # the whole answer, whatever is asked and wherever
        self.usage: tuple[int, int] = (120, 40)
        self.delay = 30.0
        self.has_responses = True
        self.missing_status = 404
        self.hung_up = threading.Event()  # set once a client left before the answer was complete
        self.closing = threading.Event()

    def __enter__(self) -> "OpenAIServer":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def settings(self, **options: Any) -> dict[str, Any]:
        """What PERSONALIZATION needs to have this server asked."""
        return {
            "GENERATOR": "personalization.variants.generators.openai_sdk.OpenAIGenerator",
            "GENERATOR_OPTIONS": {
                "base_url": self.url,
                "api_key": KEY,
                "model": MODEL,
                "image_model": MODEL,
                "connect_seconds": 5,
                "read_seconds": 5,
                "deadline_seconds": 10,
            }
            | options,
            "GENERATOR_PRICES": PRICES,
        }

    def next_mood(self) -> str:
        return self.moods.pop(0) if self.moods else self.mood

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection: notes what is asked, and answers in the server's mood."""

    server: OpenAIServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Keep the tests' output clean."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, body, {name.lower(): value for name, value in self.headers.items()})
        self.server.asked.append(asked)
        try:
            if self.path == "/v1/responses" and not self.server.has_responses:
                self.fail(self.server.missing_status, "Not Found", "not_found")
            elif self.server.raw is not None:
                self.send(self.server.raw)
            elif self.path not in ENDPOINTS:
                self.fail(404, f"Unknown request URL: POST {self.path}", "unknown_url")
            else:
                MOODS[self.server.next_mood()](self, asked)
        except OSError:
            self.server.hung_up.set()

    def send(self, content: bytes, *, status: int = 200, announced: int | None = None, **headers: str) -> None:
        """Send a whole answer, or, where more is announced, the beginning of one."""
        self.send_response(status)
        given = {"Content-Type": "application/json", "X-Request-Id": f"req_{len(self.server.asked):04}"}
        for name, value in (given | {name.replace("_", "-"): value for name, value in headers.items()}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if announced is None else announced))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def fail(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """Answer as the API words its errors."""
        error = {"message": message, "type": "api_error", "param": None, "code": code}
        self.send(json.dumps({"error": error}).encode(), status=status, **headers)

    def say(self, text: str, asked: Asked, **changes: Any) -> None:
        """Answer with what the model wrote."""
        self.send(json.dumps(ENDPOINTS[asked.path](text, self.server.usage, **changes)).encode())


def written(server: OpenAIServer, asked: Asked) -> list[dict[str, str]]:
    """Words of the form that was asked for."""
    if server.words is not None:
        return server.words(asked) if callable(server.words) else server.words
    form = asked.schema["properties"].get("alternatives", {})
    names = list(form.get("items", {}).get("properties", {}))
    count = form.get("minItems", 2)
    return [
        {name: SENTENCES[(number + place) % len(SENTENCES)] for place, name in enumerate(names)}
        for number in range(count)
    ]


def response(
    text: str,
    usage: tuple[int, int] | None,
    *,
    refusal: bool = False,
    cut_off: bool = False,
    filtered: bool = False,
) -> dict[str, Any]:
    """As the Responses API answers."""
    part = {"type": "refusal", "refusal": text} if refusal else {"type": "output_text", "text": text, "annotations": []}
    reason = "max_output_tokens" if cut_off else "content_filter"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": int(time.time()),
        "model": f"{MODEL}-2026-01-01",
        "status": "incomplete" if cut_off or filtered else "completed",
        "incomplete_details": {"reason": reason} if cut_off or filtered else None,
        "error": None,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage and {"input_tokens": usage[0], "output_tokens": usage[1], "total_tokens": sum(usage)},
    }


def completion(
    text: str,
    usage: tuple[int, int] | None,
    *,
    refusal: bool = False,
    cut_off: bool = False,
    filtered: bool = False,
) -> dict[str, Any]:
    """As Chat Completions answer."""
    message = {"role": "assistant", "content": None if refusal else text, "refusal": text if refusal else None}
    reason = "length" if cut_off else "content_filter" if filtered else "stop"
    answer = {
        "id": "chatcmpl_1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{MODEL}-2026-01-01",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
    }
    if usage:
        answer["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return answer


def images(content: str, usage: tuple[int, int] | None, **changes: Any) -> dict[str, Any]:
    """As the images endpoint answers."""
    counts = usage and {"input_tokens": usage[0], "output_tokens": usage[1], "total_tokens": sum(usage)}
    return {"created": int(time.time()), "data": [{"b64_json": content}], "usage": counts}


ENDPOINTS = {"/v1/responses": response, "/v1/chat/completions": completion, "/v1/images/generations": images}


def picture(format: str = "PNG", size: tuple[int, int] = (64, 40)) -> bytes:
    """A small real image."""
    out = io.BytesIO()
    Image.new("RGB", size, "seagreen").save(out, format)
    return out.getvalue()


def well(handler: Handler, asked: Asked, **changes: Any) -> None:
    handler.say(_content(handler.server, asked), asked, **changes)


def _content(server: OpenAIServer, asked: Asked) -> str:
    if asked.path.endswith("generations"):
        return base64.b64encode(picture()).decode()
    return json.dumps({"alternatives": written(server, asked)}) if server.text is None else server.text


def slow(handler: Handler, asked: Asked) -> None:
    handler.server.closing.wait(handler.server.delay)
    well(handler, asked)


def dripping(handler: Handler, asked: Asked) -> None:
    """A byte now and then, so that no single read ever takes long."""
    handler.send(b" ", announced=1_000_000)
    while not handler.server.closing.wait(0.1):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def hung_up(handler: Handler, asked: Asked) -> None:
    handler.send(b'{"id": "resp_1", "object": "resp', announced=4000)
    handler.close_connection = True


def mute(handler: Handler, asked: Asked) -> None:
    handler.close_connection = True


def huge(handler: Handler, asked: Asked) -> None:
    """Ten megabytes, sent as fast as they are read."""
    whole = 10 * 1024 * 1024
    handler.send(b'{"output_text": "', announced=whole)
    for _number in range(whole // 65_536):
        handler.wfile.write(b"a" * 65_536)


def injected(handler: Handler, asked: Asked) -> None:
    words = [dict.fromkeys(one, SCRIPT) for one in written(handler.server, asked)]
    handler.say(json.dumps({"alternatives": words}), asked)


def image_url(handler: Handler, asked: Asked) -> None:
    answer = {"created": 1, "data": [{"url": "http://169.254.169.254/latest/meta-data"}]}
    handler.send(json.dumps(answer).encode())


def not_an_image(handler: Handler, asked: Asked) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    handler.say(base64.b64encode(svg).decode(), asked)


def large_image(handler: Handler, asked: Asked) -> None:
    """One that does not compress: some three megabytes."""
    out = io.BytesIO()
    Image.frombytes("RGB", (1024, 1024), random.Random(1).randbytes(3 * 1024 * 1024)).save(out, "PNG")
    handler.say(base64.b64encode(out.getvalue()).decode(), asked)


def image_bomb(handler: Handler, asked: Asked) -> None:
    """Few bytes that unfold to a hundred megapixels."""
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    handler.say(base64.b64encode(out.getvalue()).decode(), asked)


def no_usage(handler: Handler, asked: Asked) -> None:
    handler.send(json.dumps(ENDPOINTS[asked.path](_content(handler.server, asked), None)).encode())


def _failing(status: int, message: str, code: str | None = None, **headers: str) -> Callable[[Handler, Asked], None]:
    return lambda handler, asked: handler.fail(status, message, code, **headers)


def _saying(text: str, **changes: Any) -> Callable[[Handler, Asked], None]:
    return lambda handler, asked: handler.say(text, asked, **changes)


MOODS: dict[str, Callable[[Handler, Asked], None]] = {
    "well": well,
    "slow": slow,
    "dripping": dripping,
    "rate_limited": _failing(429, "Rate limit reached", "rate_limit_exceeded", Retry_After="7"),
    "rate_limited_until": lambda handler, asked: handler.fail(
        429, "Rate limit reached", "rate_limit_exceeded", Retry_After=formatdate(time.time() + 90, usegmt=True)
    ),
    "rate_limited_for_ages": _failing(429, "Rate limit reached", None, Retry_After="99999999999"),
    "rate_limited_nonsense": _failing(429, "Rate limit reached", None, Retry_After="soon"),
    "no_credit": _failing(429, "You exceeded your current quota", "insufficient_quota"),
    "broken": _failing(500, "The server had an error"),
    "overloaded": _failing(503, "Overloaded", None, Retry_After="3"),
    "unauthorized": _failing(401, f"Incorrect API key provided: {KEY}", "invalid_api_key"),
    "forbidden": _failing(403, "You are not allowed to sample from this model"),
    "bad_request": _failing(400, "Invalid schema for response_format", "invalid_json_schema"),
    "unknown_model": _failing(404, "The model does not exist", "model_not_found"),
    "filtered_prompt": _failing(400, "Your request was rejected", "content_filter"),
    "redirecting": _failing(307, "Moved", None, Location="http://127.0.0.1:9/elsewhere"),
    "truncated": _saying('{"alternatives": [{"headline": "Read this slow'),
    "cut_off": _saying('{"alternatives": [{"headline": "Read this slow', cut_off=True),
    "filtered": _saying("", filtered=True),
    "wrong_schema": _saying('{"headlines": ["One", 2, null]}'),
    "chatty": _saying("Certainly! Here are some headlines for you:\n1. Read this slowly"),
    "refusal": _saying("I'm sorry, but I cannot help with that.", refusal=True),
    "huge": huge,
    "injected": injected,
    "no_usage": no_usage,
    "hung_up": hung_up,
    "mute": mute,
    "garbage": lambda handler, asked: handler.send(b"<html>Please sign in</html>", Content_Type="text/html"),
    "not_json": lambda handler, asked: handler.send(b'{"id": "resp_1", '),
    "nonsense": lambda handler, asked: handler.send(b'{"output": 3, "choices": [], "data": {}, "usage": "much"}'),
    "compressed": lambda handler, asked: handler.send(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"),
    "image_url": image_url,
    "large_image": large_image,
    "image_bomb": image_bomb,
    "not_an_image": not_an_image,
}
