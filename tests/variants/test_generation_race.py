"""Workers and editors at once, as threads with connections of their own, and a worker that is killed where it hurts."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.utils import timezone

from personalization import tasks
from personalization.catalog.models import Epoch
from personalization.variants import generation
from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest, PromptTemplate
from personalization.variants.budgets import LOCK, BudgetError, day_of, reserve, usage_today
from personalization.variants.choices import CallStatus, PartStatus, RequestStatus
from personalization.variants.generators.base import Usage
from personalization.variants.limits import Budget
from personalization.variants.models import Variant
from tests.events.test_concurrency import at_once
from tests.factories import root_page
from tests.slots.world import make_items
from tests.variants.openai_server import OpenAIServer
from tests.variants.world import editor

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 6
KILLED_AT = [
    ("personalization.variants.writing", "question_of"),  # it has the part, and has asked nobody
    ("personalization.variants.writing", "call_model"),  # tokens are held back, and nobody has been asked
    ("personalization.variants.calls", "settle"),  # the answer is there, and not written down
    ("personalization.variants.writing", "draft_variant"),  # the part has ended, but that is not committed
]


@pytest.fixture
def server(settings):
    with OpenAIServer() as server:
        settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
        yield server


@pytest.fixture
def ask(transactional_db):
    root_page()
    template = PromptTemplate.objects.create(name="Teasers")
    items = make_items(3)

    def ask(number: int = 1) -> GenerationRequest:
        fields = ["headline", "summary"]
        return generation.ask(
            user=editor(), template=template, items=items[:number], fields=fields, alternatives=2, segments=()
        )

    return ask


def spender(tokens: int = 100) -> Callable[[], str]:
    user = editor()

    def spend() -> str:
        try:
            reserve(part=None, editor=user, generator="dummy", model="m", estimate=Usage(tokens, 0))
            return "reserved"
        except BudgetError as error:
            return str(error)

    return spend


def in_a_thread(call: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    ends = monotonic() + seconds
    while not is_so():
        assert monotonic() < ends
        sleep(0.02)


@pytest.mark.parametrize("scope", ["site", "editor"])
def test_only_one_of_many_workers_spends_the_last_of_a_budget(scope):
    for _round in range(5):
        GenerationCall.objects.all().delete()
        Budget.objects.update_or_create(scope=scope, editor=None, defaults={"tokens": 199})
        told = at_once(*[spender()] * WORKERS)
        assert told.count("reserved") == GenerationCall.objects.count() == 1
        assert all("does not suffice" in word for word in told if word != "reserved")


def test_money_is_not_spent_twice_either(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR_PRICES": {"m": {"input": 10, "output": 10}}}
    Budget.objects.create(scope="site", money="0.0035")
    assert at_once(*[spender()] * WORKERS).count("reserved") == 3
    assert usage_today(None)[0].used.money <= Budget.objects.get().money


def test_the_first_calls_ever_do_not_stand_in_each_others_way():
    Epoch.objects.filter(name=LOCK).delete()
    assert at_once(*[spender()] * WORKERS) == ["reserved"] * WORKERS
    assert GenerationCall.objects.count() == WORKERS


def test_what_yesterday_left_is_not_todays_and_todays_is_spent_once():
    Budget.objects.create(scope="site", tokens=100)
    begin, _end = day_of(timezone.now())
    spender()()
    GenerationCall.objects.update(started_at=begin - timedelta(microseconds=1))
    assert at_once(*[spender()] * WORKERS).count("reserved") == 1


def test_who_waits_for_the_lock_over_midnight_spends_of_the_new_day(monkeypatch):
    Budget.objects.create(scope="site", tokens=100)
    spend, clock = spender(), [datetime(2026, 3, 1, 23, 59, 59, 999_000, tzinfo=UTC)]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    assert spend() == "reserved"
    with transaction.atomic():
        Epoch.objects.advance(LOCK)
        waits = in_a_thread(spend)
        sleep(0.3)
        assert waits.is_alive()
        clock[0] = datetime(2026, 3, 2, 0, 0, 0, 1000, tzinfo=UTC)
    waits.join(10)
    assert [call.started_at.day for call in GenerationCall.objects.order_by("pk")] == [1, 2]
    assert "does not suffice" in spend()


def test_a_part_is_carried_out_by_one_of_many_workers(server, ask):
    part = ask().parts.get()
    done = at_once(*[lambda: tasks.generate_part(part.pk)] * WORKERS)
    assert sorted(done) == [False] * (WORKERS - 1) + [True]
    assert (len(server.asked), Variant.objects.count()) == (1, 2)


def test_many_parts_at_once_share_one_budget(server, ask):
    one = ask().parts.get()
    tasks.generate_part(one.pk)
    held = GenerationCall.objects.get().reserved_tokens
    # What is used by now, and room for two at a time; titles differ in length.
    Budget.objects.create(scope="site", tokens=160 + 2 * held + held // 2)
    server.mood, server.delay = "slow", 1.0
    keys = generation.queue_parts(request=ask(3))
    at_once(*(lambda key=key: tasks.generate_part(key) for key in keys))
    statuses = sorted(GenerationPart.objects.filter(pk__in=keys).values_list("status", flat=True))
    assert statuses == [PartStatus.DONE, PartStatus.DONE, PartStatus.FAILED]


def test_stopping_breaks_off_what_runs(server, ask):
    server.mood = "dripping"
    request = ask(2)
    running, waiting = generation.queue_parts(request=request)
    worker = in_a_thread(lambda: tasks.generate_part(running))
    until(lambda: server.asked)
    generation.stop(request=request, user=editor())
    worker.join(5)
    assert not worker.is_alive()
    assert not tasks.generate_part(waiting)
    assert set(request.parts.values_list("status", flat=True)) == {PartStatus.STOPPED}
    call = GenerationCall.objects.get()
    assert (call.status, call.input_tokens) == (CallStatus.CANCELLED, None)
    assert usage_today(editor())[0].used.tokens == call.reserved_tokens
    assert server.hung_up.wait(5)
    assert not Variant.objects.exists()


def test_a_source_that_goes_while_the_model_writes_leaves_nothing_behind(server, ask):
    request = ask()
    part = request.parts.get()
    server.mood, server.delay = "slow", 1.0
    worker = in_a_thread(lambda: tasks.generate_part(part.pk))
    until(lambda: server.asked)
    part.item.delete()
    worker.join(10)
    assert not worker.is_alive()
    assert (request.parts.count(), Variant.objects.count()) == (0, 0)
    call = GenerationCall.objects.get()
    assert (call.status, call.part, call.input_tokens) == (CallStatus.CANCELLED, None, None)


def test_a_request_that_is_deleted_while_the_model_writes_is_let_go(server, ask, caplog):
    request = ask()
    part = request.parts.get()
    server.mood = "dripping"
    worker = in_a_thread(lambda: tasks.generate_part(part.pk))
    until(lambda: server.asked)
    request.delete()
    worker.join(10)
    assert not worker.is_alive()
    assert GenerationCall.objects.get().status == CallStatus.CANCELLED
    assert "Traceback" not in caplog.text


def test_workers_and_editors_on_one_request_never_wait_in_a_circle(server, ask):
    request, user = ask(3), editor()
    keys = generation.queue_parts(request=request)
    at_once(
        *(lambda key=key: tasks.generate_part(key) for key in keys),
        lambda: generation.stop(request=request, user=user),
        lambda: generation.resume(request=request, user=user),
        generation.due_parts,
    )
    for key in generation.queue_parts(request=generation.resume(request=request, user=user)):
        tasks.generate_part(key)
    request.refresh_from_db()
    assert request.status == RequestStatus.DONE
    assert set(request.parts.values_list("status", flat=True)) == {PartStatus.DONE}
    assert Variant.objects.count() == 6


@pytest.fixture
def worker(server):
    """Another process on the same database, which stops where it is told to."""
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD']}".rstrip(":")
    address = f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{database['NAME']}" if connection.vendor == "sqlite" else address,
        "DJANGO_SETTINGS_MODULE": "cms_site.settings.test",
        "GENERATOR_SETTINGS": json.dumps(server.settings()),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.variants.worker"],
        env=environment,
        cwd=django_settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_worker_killed_anywhere_leaves_a_part_that_another_carries_out_once(server, ask, worker):
    for module, function in KILLED_AT:
        request = ask()
        part = request.parts.get()
        worker.stdin.write(f"{module} {function} {part.pk}\n")
        worker.stdin.flush()
        os.kill(int(worker.stdout.readline()), signal.SIGKILL)
        assert worker.stdout.readline() == "ended\n"
        part.refresh_from_db()
        assert part.status == PartStatus.RUNNING, function
        assert not tasks.generate_part(part.pk)  # the message comes back at once
        GenerationPart.objects.filter(pk=part.pk).update(seen_at=timezone.now() - timedelta(minutes=4))
        assert tasks.continue_generation() == 1
        part.refresh_from_db()
        assert (part.status, part.variants.count(), part.attempts) == (PartStatus.DONE, 2, 2), function
    ended = list(GenerationCall.objects.order_by("pk").values_list("status", flat=True))
    # Of the last one the answer had been written down; the others' cost nobody will ever know.
    assert ended == ["ok", "lost", "ok", "lost", "ok", "ok", "ok"]
    assert Variant.objects.count() == 2 * len(KILLED_AT)
