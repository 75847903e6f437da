"""The pages of model versions: lineage, the gate, archiving, and two versions side by side."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from personalization.catalog.models import Item
from personalization.editor.comparison import figure_rows, parameter_rows
from personalization.recommend.data import Interactions
from personalization.recommend.scorers import Hybrid, Popular
from personalization.slots import memory
from personalization.training import serving
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.storage import write_artifact
from tests.editor.conftest import figures

COMPARE = reverse("personalization_versions:compare")
GATE = [
    {"criterion": "popularity", "passed": True, "value": 0.2, "limit": 0.0, "interval": [0.1, 0.3]},
    {"criterion": "coverage", "passed": False, "value": 0.02, "limit": 0.05, "interval": None},
]


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    serving.forget()
    memory.forget()
    yield
    serving.forget()
    memory.forget()


def make_version(*, items: list[Item] = (), favourite: int = 0, **fields) -> ModelVersion:
    """Another version; with items, one whose files rank their favourite first."""
    run = TrainingRun.objects.create(status="succeeded", artifact=f"artifact-{TrainingRun.objects.count():04d}")
    files = {}
    if items:
        groups = [item.group for item in items]
        seen = Interactions.from_rows(list("abc"), [groups[favourite]] * 2 + [groups[-1]], [1e9] * 3, item_ids=groups)
        hybrid = Hybrid({"popular": Popular()}, {"popular": 1.0}).fit(seen)
        files = {"artifact": run.artifact, "digest": write_artifact(run.artifact, {"hybrid": hybrid})}
    return ModelVersion.objects.create(run=run, **files, **fields)


def page_of(admin, version: ModelVersion) -> str:
    return text(admin.get(reverse("personalization_versions:inspect", args=[version.pk])))


def test_the_page_of_a_version_tells_where_it_came_from(admin, version):
    TrainingRun.objects.filter(pk=version.run_id).update(trigger="drift", reason="PSI of hour 0.31")
    parent = make_version()
    ModelVersion.objects.filter(pk=version.pk).update(
        parent=parent,
        code_version="0.1.0+3f2a90c1d4e5",
        data_hash="abcdef0123456789",
        parameters={"members": {"ease": {"regularisation": 100.5}}, "weights": {"ease": 0.75}},
    )
    answer = page_of(admin, version)
    for fact in ("drift: PSI of hour 0.31", str(parent), "0.1.0+3f2a90c1d4e5", "abcdef012345", "regularisation=100.5"):
        assert fact in answer
    assert "0.7500" in answer


def test_the_page_of_a_version_shows_each_check_of_the_gate(admin, version):
    ModelVersion.objects.update(metrics=version.metrics | {"gate": GATE})
    answer = page_of(admin, version)
    assert "Beats popularity: NDCG@10 +0.2000 (+0.1000 to +0.3000)." in answer
    assert "Shows too little of the catalog: 2.0 % of the items within reach, at least 5.0 %." in answer
    assert answer.index("passed") < answer.index("failed")
    listed = text(admin.get(reverse("personalization_versions:index")))
    assert "Shows too little of the catalog" in listed
    assert "Beats popularity: NDCG@10 +0.2000" not in listed


def test_figures_are_plotted_and_told(admin, version):
    answer = page_of(admin, version)
    assert "NDCG@10 with its 95 % interval" in answer
    assert 'class="slot-plot__whisker"' in answer


def test_two_versions_make_a_history(admin, version):
    index = reverse("personalization_versions:index")
    assert "from version to version" not in text(admin.get(index))
    make_version(metrics=version.metrics)
    assert "NDCG@10 from version to version" in text(admin.get(index))


def test_archiving_asks_first_and_is_logged(admin, version):
    address = reverse("personalization_versions:archive", args=[version.pk])
    assert f"Yes, archive {version}" in text(admin.get(address))
    version.refresh_from_db()
    assert version.status == "candidate"
    assert f"{version} was archived." in text(admin.post(address, follow=True))
    version.refresh_from_db()
    assert version.status == "archived"
    entry = ModelLogEntry.objects.get(action="personalization.archive")
    assert (entry.user.username, entry.message) == ("admin", "Archived: no candidate any more")


def test_what_serves_cannot_be_archived(admin, version):
    ModelVersion.objects.update(status="promoted", promoted_at=timezone.now())
    address = reverse("personalization_versions:archive", args=[version.pk])
    assert "Yes, archive" not in text(admin.get(address))
    assert "Nothing was changed." in text(admin.post(address, follow=True))


def test_the_page_of_a_version_offers_what_can_be_done_with_it(clients, version):
    admin = clients["admin"]
    assert "Archive" in page_of(admin, version)
    assert "Roll back" not in page_of(admin, version)
    older = make_version(status="archived", artifact="x", promoted_at=timezone.now() - timedelta(days=1))
    ModelVersion.objects.filter(pk=version.pk).update(status="promoted", promoted_at=timezone.now())
    assert "Roll back" in page_of(admin, version)
    assert "Promote" in page_of(admin, older)
    assert "Roll back" not in page_of(clients["editor"], version)


def test_one_version_alone_cannot_be_compared(admin, version):
    assert "There must be two versions to compare" in text(admin.get(COMPARE))


@pytest.mark.parametrize("query", ["second=abc", "second=99999999999999999999", "first=&second="])
def test_a_crooked_address_does_no_harm(admin, version, query):
    make_version()
    assert admin.get(f"{COMPARE}?{query}").status_code == 200


def test_two_versions_are_set_side_by_side_and_the_serving_one_comes_first(admin, version):
    serving_version = make_version(
        status="promoted",
        promoted_at=timezone.now(),
        metrics={"scorers": {"hybrid": figures(0.4)}},
        data_hash="other",
    )
    answer = text(admin.get(COMPARE))
    assert answer.index(f">{serving_version}</a>") < answer.index(f">{version}</a>")
    assert "+0.0875" in answer
    assert "They were judged on different interactions" in answer
    assert "cannot be asked" in answer


def test_persons_are_shown_what_each_version_would_show_them(admin, make_item):
    items = [make_item(f"Item {n}", tags=["film"] if n % 2 else ["food"]) for n in range(24)]
    first, second = make_version(items=items, favourite=13), make_version(items=items, favourite=15)
    answer = text(admin.get(f"{COMPARE}?first={first.pk}&second={second.pk}"))
    row = answer.split("Somebody new")[1].split("</tr>")[0]
    assert [cell.rpartition(">")[2] for cell in row.split("</td>")[:3]] == ["9", "Item 13", "Item 15"]
    assert ">food<" in answer


def test_figures_of_one_version_only_have_no_difference():
    rows = {row.label: row for row in figure_rows({"scorers": {"hybrid": figures(0.4)}}, {})}
    assert (rows["NDCG@10"].first, rows["NDCG@10"].second, rows["NDCG@10"].difference) == (0.4, None, None)


def test_parameters_that_differ_come_first():
    first = {"members": {"ease": {"regularisation": 100}, "svd": {"factors": 32}}, "weights": {}}
    second = {"members": {"ease": {"regularisation": 100}, "svd": {"factors": 64}}, "weights": {}}
    rows = parameter_rows(first, second)
    assert (rows[0].name, rows[0].first, rows[0].second, rows[0].differs) == ("members.svd.factors", "32", "64", True)
    assert not any(row.differs for row in rows[1:])
