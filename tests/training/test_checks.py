"""Wrong settings of training are named before the first run."""

import pytest
from django.core.checks import run_checks


def found(settings, **changed) -> set[str]:
    settings.PERSONALIZATION = settings.PERSONALIZATION | changed
    return {message.id for message in run_checks(tags=["personalization"])}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"TRAINING_MEMBERS": ("popular", "eaze")}, "personalization.E013"),
        ({"TRACKER": "no.such.Tracker"}, "personalization.E014"),
        ({"TRACKER": "personalization.training.tracking.base.Tracked"}, "personalization.E014"),
        ({"PROMOTION_LATENCY_MS": 0}, "personalization.E005"),
    ],
)
def test_a_wrong_setting_is_named(settings, changed, code):
    assert code in found(settings, **changed)


def test_a_tracker_whose_package_is_missing_is_no_wrong_setting(settings):
    path = "personalization.training.tracking.mlflow.MlflowTracker"
    assert "personalization.E014" not in found(settings, TRACKER=path)
