"""From an editor's question to drafts: whatever the server does, it is told, stored and paid for as it was."""

import logging
from decimal import Decimal

import pytest

from personalization import tasks
from personalization.variants import generation
from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest, PromptTemplate
from personalization.variants.budgets import usage_today
from personalization.variants.choices import CallStatus, PartStatus, RequestStatus, State
from personalization.variants.models import Variant
from tests.slots.world import make_items
from tests.variants.openai_server import OpenAIServer
from tests.variants.world import editor, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    with OpenAIServer() as server:
        settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
        yield server


@pytest.fixture
def template(site) -> PromptTemplate:
    return PromptTemplate.objects.create(name="Teasers", tone="warm")


@pytest.fixture
def item(site):
    return make_items(1)[0]


def asked(template, *items, **given) -> GenerationRequest:
    given = {"user": editor(), "fields": ["headline", "summary"], "alternatives": 2} | given
    return generation.ask(template=template, items=items, **given)


def carried_out(request) -> list[GenerationPart]:
    """Every part through the real task, as a worker does it."""
    for pk in generation.queue_parts(request=request):
        tasks.generate_part(pk)
    return list(request.parts.all())


def one_part(template, item, **given) -> GenerationPart:
    return carried_out(asked(template, item, **given))[0]


def test_drafts_come_of_a_good_answer(server, template, item):
    part = one_part(template, item)
    assert (part.status, part.message, part.attempts) == (PartStatus.DONE, "", 1)
    drafts = Variant.objects.order_by("pk")
    assert len(drafts) == 2
    call = GenerationCall.objects.get()
    for draft in drafts:
        assert (draft.state, draft.live, draft.item, draft.segment) == (State.DRAFT, False, item, None)
        assert (draft.requested_by, draft.part, draft.call) == (editor(), part, call)
        assert (draft.model, draft.template_version) == ("test-model-2026-01-01", template.version)
        assert draft.drafted == {"headline": draft.headline, "summary": draft.summary}
        assert draft.checked_at
    assert (call.status, call.input_tokens, call.output_tokens) == (CallStatus.OK, 120, 40)
    assert (call.money, call.request_id) == (Decimal("0.00056"), "req_0001")
    assert (call.editor, call.generator, call.template_version) == (editor(), "openai", template.version)
    assert call.latency_ms is not None
    request = GenerationRequest.objects.get()
    assert request.status == RequestStatus.DONE
    assert request.finished_at


def test_nobodys_name_is_sent(server, template, item):
    ada = person("ada", "generate_variant")
    ada.first_name, ada.last_name, ada.email = "Augusta", "Lovelace", "ada@example.org"
    ada.save()
    one_part(template, item, user=ada)
    told = str(server.asked[0].body) + str(server.asked[0].headers)
    assert not any(name in told for name in ("ada", "Augusta", "Lovelace", "example.org"))


MESSAGES = {
    # mood: (part, call, what the editor reads, whether its tokens are known, whether they count)
    "slow": ("waiting", "timeout", "did not answer in time", False, True),
    "dripping": ("waiting", "timeout", "did not answer in time", False, True),
    "rate_limited": ("waiting", "rate_limited", "too often", False, False),
    "broken": ("waiting", "server_error", "has a fault", False, True),
    "overloaded": ("waiting", "server_error", "has a fault", False, True),
    "mute": ("waiting", "server_error", "has a fault", False, True),
    "unauthorized": ("failed", "unauthorized", "refuses this site's key", False, False),
    "bad_request": ("failed", "bad_request", "refuses the question", False, False),
    "no_credit": ("failed", "rate_limited", "no credit left", False, False),
    "refusal": ("failed", "refused", "declines to write", True, True),
    "cut_off": ("failed", "cut_off", "cut off", True, True),
    "truncated": ("failed", "malformed", "not of the form", True, True),
    "wrong_schema": ("failed", "malformed", "not of the form", True, True),
    "chatty": ("failed", "malformed", "not of the form", True, True),
    "garbage": ("failed", "malformed", "not of the form", False, True),
    "huge": ("failed", "too_large", "much too large", False, True),
}


@pytest.mark.parametrize(("mood", "expected"), MESSAGES.items(), ids=MESSAGES)
def test_whatever_the_server_does_is_told_stored_and_counted(server, template, item, mood, expected, caplog):
    status, ended, told, is_known, counts = expected
    server.mood = mood
    part = one_part(template, item)
    call = GenerationCall.objects.get()
    assert (part.status, call.status) == (status, ended)
    assert told in part.message
    assert call.error == part.message
    assert (call.input_tokens is not None, call.money is not None) == (is_known, is_known)
    assert (call.reserved_tokens > 0) and (call.reserved_money > 0)
    used = usage_today(editor())[0].used.tokens
    known = (call.input_tokens or 0) + (call.output_tokens or 0)
    assert used == (known if is_known else call.reserved_tokens if counts else 0)
    assert not Variant.objects.exists()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    request = GenerationRequest.objects.get()
    assert request.status == (RequestStatus.RUNNING if status == "waiting" else RequestStatus.DONE)
