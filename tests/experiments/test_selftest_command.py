"""manage.py experiment_selftest: a table of promises kept, and a failure for scripts where one is not."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from personalization.stats import selftest


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("experiment_selftest", *arguments, stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_every_engine_is_tried_and_keeps_its_promise():
    out = run("--fast")
    lines = {line.split()[1]: line for line in out.splitlines() if line.startswith("│ ")}
    for engine in ("fixed_last", "sequential_any"):
        for kind in ("absolute", "relative"):
            assert "as promised" in lines[f"aa_{engine}_look_{kind}"]
    for check in ("coverage_bayesian_lift_10%", "power_sequential_lift_20%", "srm_10%_of_an_arm_lost"):
        assert "as promised" in lines[check]
    assert "as promised" not in lines["aa_fixed_any_look_absolute"]
    assert "1000 simulated experiments a line" in out


def test_a_sequence_that_is_too_narrow_makes_it_fail(monkeypatch):
    monkeypatch.setattr(selftest, "sequential_reach", lambda n, alpha, tuning: 1.96)
    with pytest.raises(CommandError, match="aa_sequential_any_look_absolute") as failure:
        run("--fast")
    assert failure.value.returncode == 1


def test_impossible_numbers_are_refused():
    with pytest.raises(CommandError, match="There must be runs"):
        run("--runs", "0")
