import pytest
from django.core.checks import run_checks


def ids(settings, **changed):
    settings.PERSONALIZATION = settings.PERSONALIZATION | changed
    return {message.id for message in run_checks(tags=["personalization"])}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"TOKEN_HOURS": 0}, "personalization.E005"),
        ({"API_MAX_EVENTS": "many"}, "personalization.E005"),
        ({"EVENT_WEIGHTS": {"purchase": 1.0}}, "personalization.E006"),
        ({"EVENT_WEIGHTS": {"view": -1.0}}, "personalization.E006"),
        ({"EVENT_WEIGHTS": {"view": float("nan")}}, "personalization.E006"),
        ({"API_THROTTLES": {"events": "often"}}, "personalization.E007"),
    ],
)
def test_a_wrong_setting_is_named_before_the_first_request(settings, changed, found):
    assert found in ids(settings, **changed)


def test_the_defaults_are_right(settings):
    assert ids(settings) & {"personalization.E005", "personalization.E006", "personalization.E007"} == set()
