"""The results page as an editor gets it: whether to believe it first, the figures, and the files of them."""

import csv
import hashlib
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from wagtail.log_actions import log

import personalization
from personalization.experiments.models import Arm, Batch, DaySum, Experiment, Phase
from personalization.variants.sheets import FORMULA, safe
from tests.editor.conftest import login, staff
from tests.experiments.day_sums import write_day_sums
from tests.experiments.world import make_experiment

VENDOR = Path(personalization.__file__).parent / "static/personalization/vendor"
GOAL = {"measure": "clicked"}
GUARDRAIL = {"measure": "returned", "role": "guardrail", "margin": 5.0}
YESTERDAY = timezone.now().date() - timedelta(days=1)


def address(experiment: Experiment, query: str = "") -> str:
    return reverse("personalization_experiments:results", args=[experiment.pk]) + query


def page_of(client: Client, experiment: Experiment, query: str = "") -> str:
    response = client.get(address(experiment, query))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def plots_of(html: str) -> dict[str, dict]:
    """What each plot of the page is drawn from."""
    found = re.findall(r'<script id="(plot-[^"]+)" type="application/json">(.*?)</script>', html)
    return {key: json.loads(data) for key, data in found}


def rows_of(response) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(response.content.decode())))


def row_of(html: str, arm: str) -> list[str]:
    """The cells of an arm's row in the first table that has one."""
    row = re.search(rf'<tr>\s*<th scope="row">{re.escape(arm)}.*?</tr>', html)[0]
    return [words_of(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]


def write_clicks(experiment: Experiment, clicks: dict[str, int], *, n: int = 1000) -> None:
    """One day on which so many of `n` visitors of each arm clicked, and none had before."""
    metric = str(experiment.metrics.first().pk)
    for arm, clicked in clicks.items():
        sums = {"post_total": clicked, "post_squares": clicked, "pre_total": 0, "pre_squares": 0, "products": 0}
        DaySum.objects.create(phase=experiment.phase, day=YESTERDAY, arm_key=arm, n=n, sums={metric: sums})
    Experiment.objects.filter(pk=experiment.pk).update(summed_at=timezone.now())


@pytest.fixture
def running(db) -> Experiment:
    """Two goals' worth of days, and a lift of a fifth of the clicks that is plain to see."""
    experiment = make_experiment(metrics=(GOAL, GUARDRAIL), planned_visitors=40_000, name="Likeness")
    write_day_sums(experiment, {"control": (0.2, 0.3), "b": (0.26, 0.3)}, visitors=800)
    return experiment


def test_a_draft_teaches_what_will_be_here(admin, db):
    experiment = make_experiment(status="draft", started_at=None)
    experiment.phases.all().delete()
    html = page_of(admin, experiment)
    assert "Not started yet" in html
    assert "a fault in the assignment keeps the verdict back" in html
    assert "Can this be believed?" not in html


def test_before_the_first_sums_the_page_says_when_they_come(admin, db):
    html = page_of(admin, make_experiment())
    assert "No figures yet" in html
    assert "nothing is counted yet" in html
    assert not plots_of(html)


def test_figures_are_those_of_the_sums(admin, db):
    experiment = make_experiment(adjusts=False, method="fixed")
    write_clicks(experiment, {"control": 100, "b": 130})
    html = page_of(admin, experiment)
    assert row_of(html, "Control")[:3] == ["1,000", "10.00 %", "–"]
    # Welch and the delta method: the same figures as in the doctest of stats.compare.
    assert row_of(html, "B")[:5] == ["1,000", "13.00 %", "+30.0 %", "-1.9 % to +61.9 %", "0.0656"]


def test_what_was_asked_and_where_stands_at_the_top(admin, running):
    html = page_of(admin, running)
    assert "If this, then that." in html
    slot = reverse("wagtailsnippets_personalization_slot:edit", args=[running.slot_id])
    assert f'<a href="{slot}">in the slot' in html
    assert "every event received before is counted" in html


def test_health_comes_first_then_what_can_be_said_then_figures(admin, running):
    html = page_of(admin, running)
    order = [
        "Can this be believed?",
        "Yes: nothing wrong was found.",
        "What can be said",
        'id="plot-effects"',
        ">Goals<",
    ]
    assert [html.index(words) for words in order] == sorted(html.index(words) for words in order)
    assert "“B” is better than “Control”" in html
    assert "planned visitors (" in html
    assert row_of(html, "B")[-1] == "better"


def test_a_fault_of_the_assignment_keeps_the_verdict_back(admin, db):
    experiment = make_experiment(metrics=(GOAL,))
    write_day_sums(experiment, {"control": 0.2, "b": 0.26}, visitors={"control": 800, "b": 640})
    html = page_of(admin, experiment)
    assert "slot-checks--danger" in html
    assert "keeps the verdict back" in html
    assert "No verdict" in html
    assert "better" not in words_of(html[html.index("Can this be believed?") :])
    assert html.index("they must not decide anything") < html.index('id="plot-effects"')


def test_roles_have_their_sections_and_guardrails_their_margin(admin, running):
    html = page_of(admin, running)
    assert html.index(">Goals<") < html.index(">Guardrails<")
    assert "Tolerated harm: 5.0 %." in html
    assert ">Secondary metrics<" not in html


def test_every_plot_has_its_figures_beside_it_as_a_table(admin, running):
    html = page_of(admin, running)
    plots = plots_of(html)
    goal = running.metrics.first()
    assert set(plots) == {"plot-effects", f"plot-band-{goal.pk}", "plot-visitors"}
    assert len(plots[f"plot-band-{goal.pk}"]["rows"]) == 14
    for key, data in plots.items():
        figure = html[html.index(f'data-experiment-plot="{key}"') :].split("</figure>")[0]
        cells = [words_of(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", figure)]
        for row in data["rows"]:
            told = row["told"].rpartition(": ")[2].split(" (")[0]
            assert told in cells
        assert data["description"]


def test_an_interval_without_ends_is_told_and_not_drawn(admin, db):
    experiment = make_experiment()
    write_clicks(experiment, {"control": 0, "b": 20}, n=200)
    html = page_of(admin, experiment)
    assert "cannot be told yet" in html
    assert "Infinity" not in html


def test_beliefs_have_a_chance_and_a_loss_and_no_p_value(admin, db):
    experiment = make_experiment(method="bayesian")
    write_day_sums(experiment, {"control": 0.2, "b": 0.21}, visitors=300)
    html = page_of(admin, experiment)
    assert "Chance to win" in html
    assert "Expected loss" in html
    assert "P-value" not in html


def test_a_verdict_stands_with_its_reason(admin, running):
    assert "more days:" in page_of(admin, running)
    Experiment.objects.filter(pk=running.pk).update(
        status="ended", ended_at=timezone.now(), verdict="ship", shipped_arm="b", decision="More clicks <b>."
    )
    html = page_of(admin, running)
    assert "“B” was shipped: the slot has taken it over." in html
    assert "More clicks &lt;b&gt;." in html
    assert "more days:" not in html


def test_a_bandit_shows_its_shares_and_what_it_is_worth(admin, db):
    experiment = make_experiment(arms=("a", "b"), allocation="thompson")
    write_day_sums(experiment, {"a": 0.1, "b": 0.2}, holdback=("a", "b"), days=5)
    for number, share in enumerate((0.5, 0.7, 0.9)):
        shares = {"a": 1 - share, "b": share}
        Batch.objects.create(phase=experiment.phase, day=YESTERDAY - timedelta(days=2 - number), shares=shares)
    html = page_of(admin, experiment)
    shares = plots_of(html)["plot-shares"]
    assert [row["value"] for row in shares["rows"] if row["arm"] == "B"] == [0.5, 0.7, 0.9]
    assert "90.0 %" in html
    assert row_of(html, "Bandit")[2].endswith("%")
    assert row_of(html, "Equal shares")[2] == "–"


def test_a_test_of_several_factors_says_what_each_does(admin, db):
    experiment = make_experiment(arms=("control", "r", "h", "both"), weights=(1, 1, 1, 1))
    levels = ("ranking=slot, heading=long", "ranking=similar, heading=long")
    levels += ("ranking=slot, heading=short", "ranking=similar, heading=short")
    for arm, level in zip(experiment.arms.all(), levels, strict=True):
        Arm.objects.filter(pk=arm.pk).update(levels=level)
    write_day_sums(experiment, {"control": 0.1, "r": 0.12, "h": 0.11, "both": 0.14})
    html = page_of(admin, experiment)
    assert "What each factor does" in html
    assert "ranking = similar × heading = short" in html


def test_those_held_out_have_their_row(admin, db):
    experiment = make_experiment(holdout=10.0)
    write_day_sums(
        experiment, {"control": 0.2, "b": 0.2, "holdout": 0.1}, visitors={"control": 300, "b": 300, "holdout": 60}
    )
    html = page_of(admin, experiment)
    assert row_of(html, "Held out")[2].startswith("-")
    assert "never personalized" in html
    assert "Held out" in plots_of(html)["plot-visitors"]["arms"]


def test_parts_of_the_visitors_are_marked_exploratory(admin, db):
    experiment = make_experiment()
    write_day_sums(experiment, {"control": 0.2, "b": 0.26}, segments=("", "loyal"))
    html = page_of(admin, experiment)
    parts = html[html.index("By segment, device and language") :]
    assert "exploratory" in parts[:200]
    assert '<th scope="row">loyal</th>' in parts
    assert "better" not in parts[: parts.index("</section>")]


def test_each_phase_is_shown_for_itself(admin, running):
    assert "Phase 1, from" not in page_of(admin, running)
    Phase.objects.create(experiment=running, number=2, weights={"control": 1, "b": 3})
    assert "No figures yet" in page_of(admin, running)
    first = page_of(admin, running, "?phase=1")
    assert 'href="?phase=1" aria-current="page"' in first
    assert "“B” is better than “Control”" in first


@pytest.mark.parametrize("query", ["?phase=99", "?phase=", "?phase=x", "?export=x", "?export="])
def test_a_crooked_address_shows_the_newest_phase(admin, running, query):
    assert "“B” is better than “Control”" in page_of(admin, running, query)


def test_what_was_done_is_told_with_who_did_it(clients, running):
    admin = clients["admin"]
    assert "Nothing yet." in page_of(admin, running)
    log(instance=running, action="personalization.experiment.pause", user=admin.get(address(running)).wsgi_request.user)
    html = page_of(admin, running)
    assert "Paused: everybody sees the slot as it is" in html
    assert '<span class="slot-timeline__who">admin</span>' in html


def test_who_may_run_it_is_led_to_pausing_and_ending(admin, running):
    end = reverse("personalization_experiments:end", args=[running.pk])
    assert end in page_of(admin, running)
    assert end not in page_of(login(staff("reader", "view_experiment")), running)


@pytest.mark.parametrize("query", ["", "?export=results", "?export=days"])
def test_results_are_for_those_who_may_see_experiments(clients, running, query):
    where = address(running, query)
    assert clients["anonymous"].get(where).status_code == 302
    for nobody in (clients["outsider"], clients["editor"]):
        response = nobody.get(where)
        assert response.status_code in (302, 403)
        assert b"Control" not in response.content
    assert login(staff("reader", "view_experiment")).get(where).status_code == 200
    assert login(staff("runner", "run_experiment")).get(where).status_code == 200


def test_the_results_are_a_file_in_full_precision(admin, db):
    experiment = make_experiment(adjusts=False, method="fixed")
    write_clicks(experiment, {"control": 100, "b": 130})
    response = admin.get(address(experiment, "?export=results"))
    assert response["Content-Disposition"] == 'attachment; filename="test.1-results.csv"'
    control, arm = rows_of(response)
    assert (control["arm"], control["visitors"], control["effect"], control["outcome"]) == ("control", "1000", "", "")
    assert float(arm["effect"]) == pytest.approx(0.3)
    assert float(arm["p-value"]) == pytest.approx(0.0656, abs=1e-4)


def test_a_file_has_no_outcome_where_a_fault_keeps_the_verdict_back(admin, running):
    assert {row["outcome"] for row in rows_of(admin.get(address(running, "?export=results")))} >= {"better"}
    DaySum.objects.filter(arm_key="b", device="mobile").delete()
    assert {row["outcome"] for row in rows_of(admin.get(address(running, "?export=results")))} == {""}


def test_the_daily_sums_are_a_file(admin, db):
    experiment = make_experiment(metrics=(GOAL, {"measure": "click_rate", "role": "secondary"}))
    write_day_sums(experiment, {"control": (0.2, 0.1), "b": (0.2, 0.1)}, days=3)
    rows = rows_of(admin.get(address(experiment, "?export=days")))
    assert len(rows) == 3 * 2 * 2
    goal = str(experiment.metrics.first().pk)
    whole = sum(row.n for row in DaySum.objects.all())
    assert sum(int(row["visitors"]) for row in rows if row["metric id"] == goal) == whole
    clicked = sum(row.sums[goal]["post_total"] for row in DaySum.objects.all())
    assert sum(float(row["post total"]) for row in rows if row["metric id"] == goal) == clicked
    assert all(row["numerator total"] == "" for row in rows if row["metric id"] == goal)


def test_no_cell_of_a_file_is_a_formula(admin, running):
    Arm.objects.filter(key="b").update(name='=HYPERLINK("//evil")')
    running.metrics.filter(role="goal").update(measure="converted", goal="+1")
    for export in ("results", "days"):
        for row in rows_of(admin.get(address(running, f"?export={export}"))):
            assert not [cell for cell in row.values() if cell.startswith(FORMULA) and not _is_number(cell)]
    names = {row["arm name"] for row in rows_of(admin.get(address(running, "?export=results")))}
    assert '\'=HYPERLINK("//evil")' in names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@given(st.one_of(st.text(), st.sampled_from(FORMULA).flatmap(lambda start: st.text().map(lambda rest: start + rest))))
def test_a_text_is_kept_and_is_never_calculated(text):
    assert not safe(text).startswith(FORMULA)
    assert safe(text).removeprefix("'") == text.removeprefix("'")


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_stays_a_number(number):
    assert safe(number) == number


def test_the_page_asks_as_often_however_much_there_is(admin, db):
    small = make_experiment("small", metrics=(GOAL,))
    write_day_sums(small, {"control": 0.2, "b": 0.26}, days=3)
    large = make_experiment("large", arms=("control", "b", "c", "d"), weights=(1, 1, 1, 1), metrics=(GOAL, GUARDRAIL))
    rates = dict.fromkeys(("control", "b", "c", "d"), (0.2, 0.3))
    write_day_sums(large, rates, days=28, segments=("", "loyal", "new"))
    asked = []
    for experiment in (small, large):
        page_of(admin, experiment)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page_of(admin, experiment)
        asked.append(len(queries))
    assert asked[0] == asked[1]
    assert asked[0] <= 25


class Markup(HTMLParser):
    """What a strict content security policy would refuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        is_inline = tag == "script" and "src" not in given and given.get("type") != "application/json"
        if is_inline or tag == "style" or "style" in given or any(name.startswith("on") for name in given):
            self.refused.append(self.get_starttag_text())


def test_the_page_has_no_inline_scripts_and_styles(admin, running):
    html = page_of(admin, running)
    ours = html[html.index('<section class="slot-experiment"') : html.index('aria-labelledby="timeline-heading"')]
    assert not Markup(ours).refused
    for script in ("vendor/d3.min.js", "vendor/plot.umd.min.js", "editor/experiment_plots.js"):
        assert re.search(rf'<script[^>]* src="[^"]*personalization/{script}"', html)


def test_the_libraries_are_those_that_the_readme_names():
    named = dict(re.findall(r"^\| `(\S+)` \|.*`([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    assert set(named) == {path.name for path in VENDOR.glob("*.js")}
    for name, digest in named.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
