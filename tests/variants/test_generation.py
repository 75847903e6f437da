"""From an editor's question to drafts: whatever the server does, it is told, stored and paid for as it was."""

import logging
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from wagtail.models import Locale

from personalization import tasks
from personalization.catalog.models import Item
from personalization.variants import generation, parts
from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest, PromptTemplate
from personalization.variants.budgets import usage_today
from personalization.variants.choices import CallStatus, PartStatus, RequestStatus, State
from personalization.variants.limits import Budget
from personalization.variants.models import Judgement, Variant
from personalization.visitors.models import Segment
from tests.slots.world import make_items, make_slot
from tests.variants.openai_server import OpenAIServer
from tests.variants.world import approved, editor, person

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


def one_part(template, *items, **given) -> GenerationPart:
    return carried_out(asked(template, *items, **given))[0]


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
    assert min(call.reserved_tokens, call.reserved_money) > 0
    used = usage_today(editor())[0].used.tokens
    known = (call.input_tokens or 0) + (call.output_tokens or 0)
    assert used == (known if is_known else call.reserved_tokens if counts else 0)
    assert not Variant.objects.exists()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    request = GenerationRequest.objects.get()
    assert request.status == (RequestStatus.RUNNING if status == "waiting" else RequestStatus.DONE)


def test_what_a_server_does_not_count_is_unknown_and_not_zero(server, template, item):
    server.mood = "no_usage"
    part = one_part(template, item)
    call = GenerationCall.objects.get()
    assert (part.status, call.status) == (PartStatus.DONE, CallStatus.OK)
    assert (call.input_tokens, call.output_tokens, call.money) == (None, None, None)
    assert usage_today(editor())[0].used.tokens == call.reserved_tokens
    done = generation.progress(part.request)
    assert (done.calls, done.tokens, done.money, done.unknown) == (1, 0, None, 1)


def test_an_injected_script_is_taken_out_or_blocked_and_found_in_any_case(server, template, item):
    server.mood = "injected"
    part = one_part(template, item)
    assert part.status == PartStatus.DONE
    for draft in Variant.objects.all():
        assert (draft.state, draft.live) == (State.DRAFT, False)
        assert draft.findings
        assert draft.is_blocked or not set("<>") & set(draft.headline + draft.summary)


def test_words_that_the_database_cannot_hold_become_a_draft_all_the_same(server, template, item):
    server.words = [{"headline": "Long " * 100, "summary": "Nul \u0007 and bell"}, {"headline": "Short", "summary": ""}]
    assert one_part(template, item).status == PartStatus.DONE
    assert max(len(draft.headline) for draft in Variant.objects.all()) <= 255


def test_an_answer_without_words_is_none(server, template, item):
    server.words = [{"headline": " ", "summary": ""}] * 2
    part = one_part(template, item)
    assert (part.status, GenerationCall.objects.get().status) == (PartStatus.FAILED, CallStatus.OK)
    assert "The model wrote nothing" in part.message


def test_a_batch_is_every_source_for_every_segment(server, template, site):
    items = make_items(3)
    segments = [Segment.objects.create(name=name, key=name) for name in ("gazers", "cooks")]
    request = asked(template, *items, items[0], segments=[*segments, segments[0]], alternatives=1)
    before = generation.progress(request)
    assert (before.total, before.share, before.counts["waiting"]) == (6, 0.0, 6)
    carried_out(request)
    after = generation.progress(request)
    assert (after.share, after.counts["done"], after.drafts, after.calls, after.unknown) == (1.0, 6, 6, 6, 0)
    assert (after.tokens, after.money) == (960, Decimal("0.00336"))
    pairs = Variant.objects.values_list("item", "segment__key")
    assert sorted(pairs) == sorted((item.pk, segment.key) for item in items for segment in segments)
    assert "Written for these visitors: gazers" in server.asked[0].system


def test_what_fails_leaves_the_rest_alone_and_is_resumed_alone(server, template, site):
    server.moods = ["well", "refusal", "well"]
    request = asked(template, *make_items(3))
    carried_out(request)
    assert generation.progress(request).counts["failed"] == 1
    request = generation.resume(request=request, user=editor())
    assert (request.status, request.finished_at) == (RequestStatus.QUEUED, None)
    carried_out(request)
    assert generation.progress(request).counts["done"] == 3
    assert len(server.asked) == 4
    assert Variant.objects.count() == 6


def test_retry_after_is_obeyed_and_then_it_is_tried_once_more(
    server, template, item, django_capture_on_commit_callbacks
):
    server.moods = ["rate_limited_until"]
    part = one_part(template, item)
    assert timedelta(seconds=80) < part.not_before - timezone.now() <= timedelta(seconds=90)
    tasks.generate_part(part.pk)  # a message that comes too early, or twice
    assert (tasks.continue_generation(), len(server.asked)) == (0, 1)
    GenerationPart.objects.update(not_before=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.continue_generation() == 1
    part.refresh_from_db()
    assert (part.status, part.attempts, len(server.asked)) == (PartStatus.DONE, 2, 2)
    assert tasks.continue_generation() == 0


def test_waits_grow_and_end(server, template, item):
    server.mood = "rate_limited"
    part, waits = one_part(template, item), []
    while part.status == PartStatus.WAITING:
        waits.append((part.not_before - timezone.now()).total_seconds())
        GenerationPart.objects.update(not_before=timezone.now())
        tasks.generate_part(part.pk)
        part.refresh_from_db()
    assert waits == pytest.approx([30, 60, 120, 240, 480], abs=5)
    assert (part.status, part.attempts, len(server.asked)) == (PartStatus.FAILED, 6, 6)
    assert "It was tried 6 times" in part.message


def test_a_server_that_is_down_is_left_alone_and_that_costs_nothing(server, template, site):
    server.mood = "broken"
    carried_out(asked(template, *make_items(8)))
    assert len(server.asked) == 5
    spared = GenerationCall.objects.filter(input_tokens=0)
    assert (spared.count(), {call.money for call in spared}) == (3, {Decimal(0)})


def test_a_budget_stops_a_part_before_the_model_is_asked(server, template, item):
    budget = Budget.objects.create(scope="site", tokens=10)
    part = one_part(template, item)
    assert (part.status, len(server.asked), GenerationCall.objects.count()) == (PartStatus.FAILED, 0, 0)
    assert "Today's budget for all editors together does not suffice: of 10 tokens" in part.message
    budget.delete()
    carried_out(generation.resume(request=part.request, user=editor()))
    part.refresh_from_db()
    assert (part.status, part.message) == (PartStatus.DONE, "")


def test_a_large_request_gets_as_far_as_its_budget(server, template, site):
    Budget.objects.create(scope="editor", tokens=2000)
    request = asked(template, *make_items(6))
    carried_out(request)
    counts = generation.progress(request).counts
    assert counts["done"] >= 1
    assert counts["failed"] == 6 - counts["done"]
    assert usage_today(editor())[1].used.tokens <= 2000


def test_without_a_model_the_editor_is_told(template, item):
    part = one_part(template, item)
    assert part.status == PartStatus.FAILED
    assert "No language model is set up" in part.message
    assert not GenerationCall.objects.exists()


class Broken:
    name, model, image_model, draws = "broken", "broken", "", False

    def missing(self) -> str:
        return ""

    def write(self, prompt, *, is_cancelled):
        raise RuntimeError(f"secret {prompt.user}")


def test_a_generator_with_a_mistake_of_its_own_is_told_and_logged(template, item, caplog):
    request = asked(template, item)
    generation.generate_part(part_id=request.parts.get().pk, generator=Broken())
    part, call = request.parts.get(), GenerationCall.objects.get()
    assert (part.status, call.status, call.error) == (PartStatus.FAILED, CallStatus.LOST, "RuntimeError")
    assert "the log has more" in part.message
    assert "Part" in caplog.text


def test_a_part_is_done_once_however_often_it_is_asked_for(server, template, item):
    part = one_part(template, item)
    assert not tasks.generate_part(part.pk)
    assert not tasks.generate_part(0)
    assert (len(server.asked), Variant.objects.count()) == (1, 2)


def test_a_part_that_runs_elsewhere_is_left_alone(server, template, item):
    pk = asked(template, item).parts.get().pk
    assert parts.claim(pk)
    assert not tasks.generate_part(pk)
    assert (tasks.continue_generation(), len(server.asked)) == (0, 0)


def silenced(pk: int) -> None:
    GenerationPart.objects.filter(pk=pk).update(seen_at=timezone.now() - timedelta(minutes=4))


def test_the_part_of_a_lost_worker_is_taken_up_and_what_it_still_brings_is_not_kept(
    server, template, item, django_capture_on_commit_callbacks
):
    request = asked(template, item)
    lost = parts.claim(request.parts.get().pk)
    call = GenerationCall.objects.create(part=lost, generator="openai", model="test-model", reserved_tokens=700)
    silenced(lost.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.continue_generation() == 1
    part = request.parts.get()
    assert (part.status, part.attempts, Variant.objects.count()) == (PartStatus.DONE, 2, 2)
    call.refresh_from_db()
    assert (call.status, call.input_tokens, call.money) == (CallStatus.LOST, None, None)
    assert call.error
    assert usage_today(editor())[0].used.tokens == 700 + 160
    assert not parts.end(lost, PartStatus.DONE)
    assert parts.Watch(lost).is_cancelled()


def test_a_part_that_loses_its_workers_again_and_again_is_given_up(template, item):
    request = asked(template, item)
    pk = request.parts.get().pk
    for _attempt in range(parts.MOST_ATTEMPTS):
        assert parts.claim(pk)
        silenced(pk)
    assert parts.claim(pk) is None
    part = request.parts.get()
    assert part.status == PartStatus.FAILED
    assert "lost again and again" in part.message
    request.refresh_from_db()
    assert request.status == RequestStatus.DONE


def test_a_message_that_was_lost_is_sent_again_after_a_while(template, item):
    request = asked(template, item)
    assert generation.due_parts() == [request.parts.get().pk]  # nobody ever queued it
    assert generation.due_parts() == []
    GenerationPart.objects.update(seen_at=timezone.now() - timedelta(hours=2))
    assert generation.due_parts() == [request.parts.get().pk]


def test_a_request_is_stopped_and_resumed(server, template, site):
    request = asked(template, *make_items(3))
    first, *_others = generation.queue_parts(request=request)
    tasks.generate_part(first)
    running = parts.claim(request.parts.last().pk)
    request = generation.stop(request=request, user=editor())
    assert (request.status, generation.progress(request).counts["stopped"]) == (RequestStatus.STOPPED, 1)
    assert parts.Watch(running).is_cancelled()
    parts.put_off(running, timedelta(0), "Busy.")
    assert generation.progress(request).counts == {"done": 1, "stopped": 2, "waiting": 0, "running": 0, "failed": 0}
    carried_out(request)
    assert len(server.asked) == 1
    carried_out(generation.resume(request=request, user=editor()))
    request.refresh_from_db()
    assert (request.status, generation.progress(request).counts["done"]) == (RequestStatus.DONE, 3)


def test_what_is_done_is_neither_stopped_nor_resumed(server, template, item):
    request = asked(template, item)
    carried_out(request)
    for verb in (generation.stop, generation.resume):
        assert verb(request=request, user=editor()).status == RequestStatus.DONE
    assert len(server.asked) == 1


def test_who_may_ask_stop_and_resume(template, item):
    request = asked(template, item)
    stranger, other = person("stranger", "change_variant"), person("other", "generate_variant")
    with pytest.raises(PermissionDenied):
        asked(template, item, user=stranger)
    for user in (stranger, other):
        for verb in (generation.stop, generation.resume):
            with pytest.raises(PermissionDenied):
                verb(request=request, user=user)
    chief = person("chief", "change_generationrequest")
    assert generation.stop(request=request, user=chief).status == RequestStatus.STOPPED


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fields": []}, "Choose what is to be written"),
        ({"fields": ["headline", "id"]}, "Choose what is to be written"),
        ({"alternatives": 0}, "one to 5"),
        ({"alternatives": 6}, "one to 5"),
        ({"note": "x" * 501}, "at most 500"),
    ],
)
def test_what_cannot_be_asked_is_said(template, item, given, told):
    with pytest.raises(ValidationError, match=told):
        asked(template, item, **given)
    assert not GenerationRequest.objects.exists()


def test_too_much_at_once_is_refused_with_the_bound(template, site):
    items = make_items(15)
    segments = [Segment.objects.create(name=str(n), key=f"s{n}") for n in range(14)]
    with pytest.raises(ValidationError, match="210 times; 200 is the most"):
        asked(template, *items, segments=segments)


def test_nothing_is_asked_about_nothing_or_about_what_is_gone(template, item):
    with pytest.raises(ValidationError, match="at least one"):
        asked(template)
    item.live = False
    with pytest.raises(ValidationError, match="not published"):
        asked(template, item)


def test_what_is_withdrawn_before_its_turn_is_not_asked_about(server, template, item):
    request = asked(template, item)
    Item.objects.update(live=False)
    part = carried_out(request)[0]
    assert (part.status, len(server.asked)) == (PartStatus.FAILED, 0)
    assert "is not published any more" in part.message


def test_a_slot_gets_other_words_for_its_heading_and_text(server, template, site):
    slot = make_slot(heading="Hello {visitor.first_name|there}", text="For a quiet evening")
    part = one_part(template, slots=[slot], fields=["headline", "summary", "call_to_action"])
    assert (part.status, part.slot) == (PartStatus.DONE, slot)
    assert "Hello {visitor.first_name|there}" in server.asked[0].user
    for draft in Variant.objects.all():
        assert (draft.slot, draft.item, draft.call_to_action) == (slot, None, "")
        assert draft.headline
        assert draft.source_words["title"] == slot.heading
    with pytest.raises(ValidationError, match="heading and a text"):
        asked(template, slots=[slot], fields=["call_to_action"])


def test_the_language_is_the_templates_else_the_requests_else_the_sources(server, template, site):
    french = Locale.objects.get_or_create(language_code="fr")[0]
    item = make_items(1)[0]
    one_part(template, item)
    one_part(template, item, locale=french)
    template.language = french
    template.save()
    one_part(template, item, locale=Locale.get_default())
    assert [name in asked.system for asked in server.asked for name in ("English", "French")] == [
        *(True, False),
        *(False, True),
        *(False, True),
    ]
    assert set(Variant.objects.values_list("locale__language_code", flat=True)) == {"en", "fr"}


def test_a_template_that_learns_shows_what_editors_liked(server, template, item):
    liked = approved(item, headline="Liked by all")
    Judgement.objects.create(editor=editor(), variant=liked, is_good=True)
    one_part(template, item)
    assert "headline: Liked by all" in server.asked[0].user
    assert "Liked by all" not in server.asked[0].system
    template.learns = False
    template.save()
    one_part(template, item)
    assert "Liked by all" not in server.asked[1].user


def test_the_door_queues_what_was_asked_once_it_is_committed(
    server, template, item, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        request = asked(template, item)
        tasks.generate(request)
        assert not server.asked
    assert request.parts.get().status == PartStatus.DONE


def test_the_task_keeps_to_the_rate_of_the_settings(settings):
    assert tasks.generate_part.rate_limit == "30/m"
    assert tasks.generate_part.acks_late
    assert tasks.continue_generation.name in {job["task"] for job in settings.CELERY_BEAT_SCHEDULE.values()}
