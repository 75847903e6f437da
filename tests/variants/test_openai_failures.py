"""Whatever a server does, an editor reads what happened and what to do, and the receipt tells what is known."""

import json
import logging
import socket
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import GeneratorError, Prompt, Usage
from personalization.variants.generators.openai_sdk import OpenAIGenerator
from tests.caching import empty_cache
from tests.variants.openai_server import KEY, MODEL, SCRIPT, OpenAIServer, completion, response

SECRET = "The source that nobody else may read"
ONE = {
    "type": "object",
    "properties": {"headline": {"type": "string", "maxLength": 70}, "summary": {"type": "string", "maxLength": 200}},
    "required": ["headline", "summary"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"alternatives": {"type": "array", "items": ONE, "minItems": 2, "maxItems": 2}},
    "required": ["alternatives"],
    "additionalProperties": False,
}
PROMPT = Prompt(system="Write headlines.", user=SECRET, schema=SCHEMA)
USED, UNKNOWN, LATER = Usage(120, 40), Usage(), 30.0

# How the call ends, when another try makes sense, and what is known of its use.
ENDS = {
    "rate_limited": (CallStatus.RATE_LIMITED, 7.0, UNKNOWN),
    "rate_limited_nonsense": (CallStatus.RATE_LIMITED, LATER, UNKNOWN),
    "rate_limited_for_ages": (CallStatus.RATE_LIMITED, 86_400.0, UNKNOWN),
    "no_credit": (CallStatus.RATE_LIMITED, None, UNKNOWN),
    "broken": (CallStatus.SERVER_ERROR, LATER, UNKNOWN),
    "overloaded": (CallStatus.SERVER_ERROR, 3.0, UNKNOWN),
    "unauthorized": (CallStatus.UNAUTHORIZED, None, UNKNOWN),
    "forbidden": (CallStatus.UNAUTHORIZED, None, UNKNOWN),
    "bad_request": (CallStatus.BAD_REQUEST, None, UNKNOWN),
    "unknown_model": (CallStatus.BAD_REQUEST, None, UNKNOWN),
    "filtered_prompt": (CallStatus.REFUSED, None, UNKNOWN),
    "redirecting": (CallStatus.UNREACHABLE, None, UNKNOWN),
    "truncated": (CallStatus.MALFORMED, None, USED),
    "cut_off": (CallStatus.CUT_OFF, None, USED),
    "filtered": (CallStatus.REFUSED, None, USED),
    "wrong_schema": (CallStatus.MALFORMED, None, USED),
    "chatty": (CallStatus.MALFORMED, None, USED),
    "refusal": (CallStatus.REFUSED, None, USED),
    "huge": (CallStatus.TOO_LARGE, None, UNKNOWN),
    "hung_up": (CallStatus.SERVER_ERROR, LATER, UNKNOWN),
    "mute": (CallStatus.SERVER_ERROR, LATER, UNKNOWN),
    "garbage": (CallStatus.MALFORMED, None, UNKNOWN),
    "not_json": (CallStatus.MALFORMED, None, UNKNOWN),
    "nonsense": (CallStatus.MALFORMED, None, UNKNOWN),
    "compressed": (CallStatus.MALFORMED, None, UNKNOWN),
}
ANSWERED_NOTHING = ("mute", "hung_up", "huge", "compressed")


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


def generator(server, **options) -> OpenAIGenerator:
    return OpenAIGenerator(**(server.settings(mode="chat")["GENERATOR_OPTIONS"] | options))


def never() -> bool:
    return False


def fails(generator: OpenAIGenerator, prompt: Prompt = PROMPT) -> GeneratorError:
    with pytest.raises(GeneratorError) as caught:
        generator.write(prompt, is_cancelled=never)
    return caught.value


@pytest.mark.parametrize("mode", ["responses", "chat"])
@pytest.mark.parametrize("mood", ENDS)
def test_every_failure_is_told_with_what_is_known(server, caplog, mode, mood):
    caplog.set_level(logging.DEBUG)
    server.mood = mood
    error = fails(generator(server, mode=mode))
    status, retry_after, usage = ENDS[mood]
    assert (error.status, error.retry_after, error.receipt.usage) == (status, retry_after, usage)
    assert error.receipt.latency_ms is not None
    assert error.receipt.model.startswith(MODEL)
    assert error.receipt.request_id == ("" if mood in ANSWERED_NOTHING else "req_0001")
    assert len(server.asked) == 1
    assert len(str(error)) > 60
    for said in (str(error), caplog.text, repr(error.__cause__)):
        assert KEY not in said
        assert SECRET not in said
    assert error.__context__ is None or error.__suppress_context__


def test_a_date_to_come_again_is_obeyed(server):
    server.mood = "rate_limited_until"
    assert 80 <= fails(generator(server)).retry_after <= 90


def test_nobody_at_the_address(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = fails(generator(server, base_url=address))
    assert (error.status, error.retry_after) == (CallStatus.UNREACHABLE, LATER)


def test_a_handshake_that_never_ends(server):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"https://127.0.0.1:{mute.getsockname()[1]}/v1"
        error = fails(generator(server, base_url=address, connect_seconds=0.3))
    assert (error.status, error.retry_after) == (CallStatus.UNREACHABLE, LATER)


def test_a_proxy_is_not_asked_for_a_server_on_the_machine_itself(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    generator(server).write(PROMPT, is_cancelled=never)


def test_a_silent_server_is_left_after_the_read_timeout(server):
    server.mood = "slow"
    started = time.monotonic()
    error = fails(generator(server, read_seconds=0.5, deadline_seconds=20))
    assert (error.status, error.retry_after, error.receipt.usage) == (CallStatus.TIMEOUT, LATER, UNKNOWN)
    assert time.monotonic() - started < 5


def test_a_server_that_drips_bytes_is_left_at_the_deadline(server):
    server.mood = "dripping"
    started = time.monotonic()
    error = fails(generator(server, read_seconds=5, deadline_seconds=1))
    assert (error.status, error.retry_after) == (CallStatus.TIMEOUT, LATER)
    assert 1 <= time.monotonic() - started < 4
    assert server.hung_up.wait(3), "the connection stays open"


@pytest.mark.parametrize("mood", ["slow", "dripping"])
def test_whoever_stops_a_call_does_not_wait_for_it(server, mood):
    server.mood, server.delay = mood, 2.0
    asked = []

    def is_cancelled() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 2

    started = time.monotonic()
    with pytest.raises(GeneratorError) as caught:
        generator(server, read_seconds=30, deadline_seconds=30).write(PROMPT, is_cancelled=is_cancelled)
    assert caught.value.status == CallStatus.CANCELLED
    assert caught.value.retry_after is None
    assert time.monotonic() - started < 2
    assert max(later - before for before, later in pairwise(asked)) < 1
    if mood == "dripping":
        assert server.hung_up.wait(5), "the connection stays open"


def test_ten_megabytes_are_not_swallowed(server):
    server.mood = "well"
    asking = generator(server)
    asking.write(PROMPT, is_cancelled=never)  # what is imported and cached at the first call is not counted
    server.mood = "huge"
    tracemalloc.start()
    try:
        assert fails(asking).status == CallStatus.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 5 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert server.hung_up.wait(5), "the server could send all of it"


def test_no_usage_is_no_zero(server):
    server.mood = "no_usage"
    for mode in ("responses", "chat"):
        answer = generator(server, mode=mode).write(PROMPT, is_cancelled=never)
        assert answer.receipt.usage == UNKNOWN


def test_a_script_comes_through_as_the_words_it_is(server):
    """Guardrails and templates deal with it: here it is text like any other."""
    server.mood = "injected"
    answer = generator(server).write(PROMPT, is_cancelled=never)
    assert answer.alternatives[0]["headline"] == SCRIPT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"alternatives": []}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "One", "summary": null}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "One", "summary": ["Two"]}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "One"}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "One", "summary": "Two", "x": "y"}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "\\ud83d", "summary": "Two"}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "\\u0000", "summary": "Two"}]}',
        '{"alternatives": [{"headline": "One", "summary": "Two"}, {"headline": "One", "summary": "Two"}], "x": 1}',
        "[" * 100_000,
        '{"alternatives": ' + "9" * 10_000 + "}",
        "NaN",
    ],
)
def test_whatever_is_not_exactly_of_the_form_is_refused(server, text):
    server.text = text
    for mode in ("responses", "chat"):
        error = fails(generator(server, mode=mode))
        assert (error.status, error.receipt.usage) == (CallStatus.MALFORMED, USED)


def test_words_that_are_too_long_are_for_the_guardrails(server):
    server.words = [{"headline": "Long " * 100, "summary": "Two"}] * 2
    assert len(generator(server).write(PROMPT, is_cancelled=never).alternatives[0]["headline"]) == 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), mode=st.sampled_from(["responses", "chat"]))
def test_no_answer_whatsoever_is_more_than_a_failure(server, data, mode):
    """A true answer, with one of its parts replaced by anything."""
    whole = (response if mode == "responses" else completion)(json.dumps({"alternatives": "x"}), (1, 2))
    place, key = whole, data.draw(st.sampled_from(sorted(whole)))
    while isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(JSON)
    server.raw = json.dumps(whole).encode()
    error = fails(generator(server, mode=mode))
    assert error.status in (CallStatus.MALFORMED, CallStatus.REFUSED, CallStatus.CUT_OFF, CallStatus.SERVER_ERROR)
    assert all(count is None or 0 <= count <= 10**9 for count in vars(error.receipt.usage).values())


def test_a_prompt_with_half_a_character_is_sent_all_the_same(server):
    broken = Prompt(system="Write.", user="Half a \ud83d face", schema=SCHEMA)
    generator(server).write(broken, is_cancelled=never)
    assert server.asked[0].user == "Half a ? face"


# Which endpoint does


@pytest.mark.parametrize("missing", [404, 405, 501])
def test_a_server_without_the_responses_api_is_asked_by_chat_from_then_on(server, missing):
    server.has_responses, server.missing_status = False, missing
    asking = generator(server, mode="auto")
    assert asking.write(PROMPT, is_cancelled=never).receipt.usage == USED
    asking.write(PROMPT, is_cancelled=never)
    assert [asked.path for asked in server.asked] == [
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/chat/completions",
    ]


def test_a_server_that_ignores_the_form_in_responses_is_asked_by_chat(server):
    """llama.cpp has the Responses API, but writes prose there; what that took counts, too."""
    server.moods = ["chatty"]
    asking = generator(server, mode="auto")
    assert asking.write(PROMPT, is_cancelled=never).receipt.usage == Usage(240, 80)
    assert asking.write(PROMPT, is_cancelled=never).receipt.usage == USED
    assert [asked.path for asked in server.asked][1:] == ["/v1/chat/completions"] * 2


def test_what_both_took_counts_when_both_fail(server):
    server.moods = ["chatty", "chatty"]
    assert fails(generator(server, mode="auto")).receipt.usage == Usage(240, 80)
    server.moods = ["chatty", "broken"]
    assert fails(generator(server, mode="auto")).receipt.usage == UNKNOWN
    server.moods = ["chatty", "rate_limited"]
    assert fails(generator(server, mode="auto")).receipt.usage == USED


def test_responses_are_remembered_where_they_work(server):
    asking = generator(server, mode="auto")
    asking.write(PROMPT, is_cancelled=never)
    server.mood = "chatty"
    assert fails(asking).status == CallStatus.MALFORMED
    assert [asked.path for asked in server.asked] == ["/v1/responses"] * 2


def test_a_fault_while_it_is_found_out_is_no_answer(server):
    server.moods = ["broken"]
    assert fails(generator(server, mode="auto")).status == CallStatus.SERVER_ERROR
    assert [asked.path for asked in server.asked] == ["/v1/responses"]


def test_what_is_remembered_may_be_lost_or_out_of_date(server):
    asking = generator(server, mode="auto")
    asking.write(PROMPT, is_cancelled=never)
    server.has_responses = False
    assert fails(asking).status == CallStatus.BAD_REQUEST
    asking.write(PROMPT, is_cancelled=never)
    empty_cache()
    asking.write(PROMPT, is_cancelled=never)
    paths = [asked.path.rpartition("/v1/")[2] for asked in server.asked]
    assert paths == ["responses", "responses", "responses", "chat/completions", "responses", "chat/completions"]


# Images


@pytest.mark.parametrize("mood", ["image_url", "not_an_image", "nonsense", "truncated"])
def test_what_is_no_image_is_refused_and_nothing_is_fetched(server, mood):
    server.mood = mood
    with pytest.raises(GeneratorError) as caught:
        generator(server).draw("A fern", is_cancelled=never)
    assert caught.value.status == CallStatus.MALFORMED
    assert caught.value.receipt.model == MODEL
    assert len(server.asked) == 1


def test_an_image_of_words_beyond_the_limit_is_still_an_image(server):
    server.mood = "large_image"
    picture = generator(server).draw("A fern", is_cancelled=never)
    assert len(picture.content) > 1024 * 1024
    assert picture.format == "png"


def test_a_bomb_is_no_image(server):
    server.mood = "image_bomb"
    with pytest.raises(GeneratorError) as caught:
        generator(server).draw("A fern", is_cancelled=never)
    assert caught.value.status == CallStatus.MALFORMED
