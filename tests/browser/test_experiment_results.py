"""An experiment's plots in a real browser: drawn within a strict security policy, and told by keyboard as by mouse."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, Route, expect

from personalization.experiments.models import Experiment
from tests.experiments.day_sums import write_day_sums
from tests.experiments.world import make_experiment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POLICY = "script-src 'self'; style-src 'self'"
NOTE_VIOLATIONS = """
window.refused = [];
document.addEventListener('securitypolicyviolation', (event) => {
  refused.push(`${event.sourceFile}: ${event.blockedURI}`);
});
"""


@pytest.fixture
def experiment(db) -> Experiment:
    experiment = make_experiment(arms=("control", "b", "c"), weights=(1, 1, 1), metrics=({"measure": "clicked"},))
    write_day_sums(experiment, {"control": 0.2, "b": 0.26, "c": 0.19}, days=9)
    return experiment


@pytest.fixture
def results(experiment: Experiment, context: BrowserContext, page: Page, live_server, client: Client) -> Page:
    client.force_login(User.objects.create_superuser("admin"))
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.on("pageerror", lambda error: pytest.fail(f"A script failed: {error}"))
    page.add_init_script(NOTE_VIOLATIONS)
    where = f"{live_server.url}{reverse('personalization_experiments:results', args=[experiment.pk])}"
    page.route(where, _with_policy)
    page.goto(where)
    return page


def _with_policy(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, headers=response.headers | {"content-security-policy": POLICY})


def test_plots_are_drawn_within_a_strict_security_policy(results: Page):
    drawings = results.locator(".slot-plot__canvas svg[role=img]")
    expect(drawings).to_have_count(3)
    effects = results.get_by_role("img", name="Effects of the goals and guardrails")
    expect(effects).to_contain_text("B")
    expect(effects.locator(".slot-plot__points path")).to_have_count(2)
    refused = results.evaluate("refused")
    assert not [told for told in refused if "experiment_plots" in told or "vendor" in told]


def test_arms_differ_by_shape_and_dash_not_only_by_colour(results: Page):
    shapes = results.locator('[data-experiment-plot="plot-effects"] .slot-plot__points path')
    expect(shapes).to_have_count(2)
    assert len({shape.get_attribute("d") for shape in shapes.all()}) == 2
    lines = results.locator('[data-experiment-plot="plot-visitors"] g[aria-label="line"]')
    expect(lines).to_have_count(3)
    assert len({line.get_attribute("stroke-dasharray") for line in lines.all()}) == 3


def test_arrow_keys_tell_the_figures_one_by_one(results: Page):
    figure = results.locator('[data-experiment-plot="plot-effects"]')
    expect(figure.locator("svg")).to_be_visible()
    figure.locator(".slot-plot__canvas").focus()
    told = figure.locator(".slot-plot__told")
    expect(told).to_be_empty()
    results.keyboard.press("ArrowRight")
    expect(told).to_contain_text("Visitors who click, B: +")
    results.keyboard.press("ArrowRight")
    expect(told).to_contain_text("Visitors who click, C: ")
    results.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("Visitors who click, B: +")
    results.keyboard.press("Tab")
    expect(told).to_be_empty()


def test_plots_fit_a_narrow_window(results: Page):
    drawing = results.get_by_role("img", name="Effects of the goals and guardrails")
    expect(drawing).to_be_visible()
    results.set_viewport_size({"width": 400, "height": 800})
    results.wait_for_function("document.querySelector('.slot-plot__canvas svg').getBoundingClientRect().width < 400")
    assert results.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
