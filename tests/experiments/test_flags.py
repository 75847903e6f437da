"""Flags beside experiments: whom a flag's percentage means, and what a test's history says of a switched one."""

from itertools import pairwise

import pytest
import waffle
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from waffle import get_waffle_flag_model, get_waffle_switch_model
from wagtail.models import ModelLogEntry

from personalization.experiments.flags import VisitorFlag
from personalization.visitors.identity import HEADER, sign_key
from personalization.visitors.rules import validate_flag
from tests.experiments.world import make_experiment

pytestmark = pytest.mark.django_db

KEYS = [f"{number:032x}" for number in range(400)]


def request_of(key: str = "", user: User | None = None):
    request = RequestFactory().get("/", headers={HEADER: sign_key(key)} if key else {})
    request.user = user or AnonymousUser()
    return request


def those_at(percent: float) -> set[str]:
    """For whom the flag is active at a percentage."""
    VisitorFlag.objects.update(percent=percent)
    flag = VisitorFlag.objects.get()
    return {key for key in KEYS if flag.is_active(request_of(key))}


class TestVisitorFlag:
    @pytest.fixture(autouse=True)
    def flag(self, settings):
        settings.WAFFLE_FLAG_MODEL = "personalization.VisitorFlag"
        return VisitorFlag.objects.create(name="new-look", percent=40)

    def test_is_active_for_its_percentage_of_visitors_and_the_same_ones_every_time(self):
        assert len(those_at(40)) / len(KEYS) == pytest.approx(0.4, abs=0.08)
        assert those_at(40) == those_at(40)

    def test_raising_the_percentage_takes_it_from_nobody(self):
        steps = [those_at(percent) for percent in (5, 20, 50, 99.9)]
        assert all(fewer < more for fewer, more in pairwise(steps))

    def test_two_flags_choose_different_visitors(self):
        first = those_at(50)
        VisitorFlag.objects.update(name="other")
        assert len(first & those_at(50)) / len(first) == pytest.approx(0.5, abs=0.15)

    def test_a_user_without_a_visitor_is_known_by_the_account(self):
        VisitorFlag.objects.update(percent=50)
        users = [User.objects.create_user(f"user{number}") for number in range(60)]
        flag = VisitorFlag.objects.get()
        active = [bool(flag.is_active(request_of(user=user))) for user in users]
        assert active == [bool(flag.is_active(request_of(user=user))) for user in users]
        assert 10 < sum(active) < 50

    def test_a_stranger_gets_no_percentage(self):
        VisitorFlag.objects.update(percent=99.9)
        assert not VisitorFlag.objects.get().is_active(request_of())

    def test_sets_no_cookie(self, flag):
        request = request_of(KEYS[0])
        waffle.flag_is_active(request, flag.name)
        assert not getattr(request, "waffles", {})

    def test_may_be_asked_for_in_slots_and_experiments(self):
        validate_flag("new-look")


def test_the_percentage_of_waffles_own_flag_may_not():
    get_waffle_flag_model().objects.create(name="new-look", percent=40)
    with pytest.raises(ValidationError, match="cookie"):
        validate_flag("new-look")


def switched(experiment) -> list[tuple[str, bool]]:
    """What the history says of flags, the oldest first."""
    entries = ModelLogEntry.objects.for_instance(experiment).filter(action="personalization.experiment.flag")
    return [(entry.data["flag"], entry.data["on"]) for entry in entries.order_by("timestamp", "pk")]


class TestHistory:
    @pytest.fixture
    def flag(self):
        return get_waffle_flag_model().objects.create(name="trial", everyone=True)

    @pytest.fixture
    def experiment(self, flag):
        return make_experiment(flag="trial")

    def test_tells_when_the_flag_is_switched(self, experiment, flag):
        for everyone in (False, False, True):
            flag.everyone = everyone
            flag.save()
        assert switched(experiment) == [("trial", False), ("trial", True)]
        first = ModelLogEntry.objects.for_instance(experiment).order_by("timestamp", "pk").first()
        assert first.message == "“trial” was switched off"

    def test_tells_when_the_flag_is_deleted(self, experiment, flag):
        flag.delete()
        assert switched(experiment) == [("trial", False)]

    def test_tells_of_the_slots_flag_and_of_no_other(self, flag):
        experiment = make_experiment()
        type(experiment.slot).objects.update(flag="trial")
        get_waffle_flag_model().objects.create(name="other", everyone=False)
        flag.everyone = False
        flag.save()
        assert switched(experiment) == [("trial", False)]

    def test_tells_of_the_switch_of_the_whole_app(self, experiment):
        switch = get_waffle_switch_model().objects.create(name="personalization", active=True)
        get_waffle_switch_model().objects.create(name="other", active=False)
        switch.active = False
        switch.save()
        switch.delete()
        assert switched(experiment) == [("personalization", False), ("personalization", True)]

    @pytest.mark.parametrize("status", ["draft", "scheduled", "ended"])
    def test_of_what_does_not_run_tells_nothing(self, flag, status):
        experiment = make_experiment(flag="trial", status=status)
        flag.everyone = False
        flag.save()
        assert switched(experiment) == []
