"""Wrong settings of slots are named before the first request."""

import re

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from personalization.slots.context import ServingContext
from personalization.slots.policies import BUILT_IN, Policy
from personalization.slots.serve import serve
from tests.slots.world import make_items, make_slot

mine = Policy("mine", "Mine", BUILT_IN["newest"].ladder)
newest = BUILT_IN["newest"]


def found(settings, **changed) -> list[str]:
    settings.PERSONALIZATION = settings.PERSONALIZATION | changed
    return [message.id for message in run_checks(tags=["personalization"])]


def test_the_demonstration_sites_settings_are_right(settings):
    assert found(settings) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"POLICIES": {"mine": "no.such.module"}}, "personalization.E008"),
        ({"POLICIES": {"mine": "math.pi"}}, "personalization.E008"),
        ({"POLICIES": {"other": "tests.slots.test_checks.mine"}}, "personalization.E008"),
        ({"SLOT_TEMPLATES": {"no/such.html": "Gone"}}, "personalization.E010"),
        ({"DEADLINE_MS": 0}, "personalization.E005"),
        ({"GLOBAL_HOLDOUT": 5}, "personalization.E015"),
        ({"GLOBAL_HOLDOUT": "0.05"}, "personalization.E015"),
    ],
)
def test_what_cannot_work_is_named(settings, changed, code):
    assert found(settings, **changed) == [code]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"POLICIES": {"mine": "no.such.module"}}, r"E008\) .*'no.such.module'.*\n\tHINT: Name a "),
        ({"POLICIES": {"mine": "math.pi"}}, r"E008\) .*'math.pi'.*\n\tHINT: Name a "),
        ({"POLICIES": {"mine": None}}, r"E008\) .*None.*\n\tHINT: Name a "),
        ({"DEADLINE": 150}, r"E012\) .*'DEADLINE'.*\n\tHINT: Did you mean 'DEADLINE_MS'\?"),
        ({"deadline_ms": 150}, r"E012\) .*'deadline_ms'.*\n\tHINT: Did you mean 'DEADLINE_MS'\?"),
        ({"ZEBRA": 1}, r"E012\) .*'ZEBRA'.*\n\tHINT: Take it out"),
        ({7: 1}, r"E012\) .* 7,.*\n\tHINT: Take it out"),
    ],
)
def test_the_check_of_the_whole_site_ends_in_words(settings, changed, said):
    settings.PERSONALIZATION = settings.PERSONALIZATION | changed
    with pytest.raises(SystemCheckError) as told:
        call_command("check")
    assert re.search(said, str(told.value))
    assert "1 issue" in str(told.value)


def test_a_web_process_does_not_start_with_a_setting_that_means_nothing(client, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"NO_SUCH": 1}
    with pytest.raises(ImproperlyConfigured, match="NO_SUCH"):
        client.get("/healthz")


def test_a_policy_may_not_take_the_name_of_one_that_is_built_in(settings):
    assert found(settings, POLICIES={"newest": "tests.slots.test_checks.newest"}) == ["personalization.E009"]


def test_a_missing_middleware_is_named(settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "personalization" not in name]
    assert found(settings) == ["personalization.E011"]


def test_a_policy_of_the_sites_own_can_be_chosen_and_serves(settings, db):
    assert found(settings, POLICIES={"mine": "tests.slots.test_checks.mine"}) == []
    make_items(3)
    make_slot(policy="mine")
    decision = serve(["home-top"], ServingContext.for_preview())[0]
    assert (decision.policy, decision.reason, len(decision.items)) == ("mine", "newest", 3)
