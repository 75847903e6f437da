"""Two versions side by side: figures, parameters, and what each would show to the same persons."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin

from personalization.catalog.models import Epoch
from personalization.editor.read_only import READERS
from personalization.recommend.data import History
from personalization.recommend.rerankers import top
from personalization.slots import memory as process_memory
from personalization.slots.histories import history_of_taste
from personalization.slots.memory import Memory
from personalization.training.gate import CANDIDATE
from personalization.training.models import ModelVersion

SHOWN = 10
PERSONS = 6
FIGURES = {
    "ndcg@10": _("NDCG@10"),
    "recall@10": _("Recall@10"),
    "map@10": _("MAP@10"),
    "mrr@10": _("MRR@10"),
    "auc": _("AUC"),
    "coverage@10": _("Coverage"),
    "novelty@10": _("Novelty"),
    "diversity@10": _("Diversity"),
}


@dataclass(frozen=True)
class FigureRow:
    """One figure of both, and by how much the second is higher."""

    label: str
    first: float | None
    second: float | None
    intervals: tuple[tuple[float, float] | None, tuple[float, float] | None]

    @property
    def difference(self) -> float | None:
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True)
class ParameterRow:
    """One parameter of both, as text; empty where a version does not have it."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        return self.first != self.second


@dataclass(frozen=True)
class Overlap:
    """How many of the first ten both would show to one person, and what only one of them would."""

    person: str
    shared: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


class CompareForm(forms.Form):
    """Which two versions."""

    first = forms.ModelChoiceField(ModelVersion.objects.all(), label=_("First version"))
    second = forms.ModelChoiceField(ModelVersion.objects.all(), label=_("Second version"))


class CompareView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Left out of the address, the first is the version that serves, the second the newest other."""

    model = ModelVersion
    any_permission_required = READERS
    page_title = _("Compare two versions")
    template_name = "personalization/editor/compare.html"

    def get_breadcrumbs_items(self) -> list:
        versions = {"url": reverse("personalization_versions:index"), "label": gettext("Model versions")}
        return [*self.breadcrumbs_items, versions, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs) -> dict:
        asked = self.request.GET.dict()
        form = CompareForm({**_usual_choice(asked.get("second")), **asked})
        chosen = compare(form.cleaned_data["first"], form.cleaned_data["second"]) if form.is_valid() else {}
        return super().get_context_data(form=form, **chosen, **kwargs)


def _usual_choice(second: str | None) -> dict[str, Any]:
    versions = [str(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)]
    serving = ModelVersion.objects.promoted()
    second = (
        second if second in versions else next((pk for pk in versions if not serving or pk != str(serving.pk)), None)
    )
    others = [pk for pk in versions if pk != second]
    first = str(serving.pk) if serving and str(serving.pk) != second else next(iter(others), None)
    return {"first": first, "second": second}


def compare(first: ModelVersion, second: ModelVersion) -> dict[str, Any]:
    """What the page shows of two versions."""
    return {
        "first": first,
        "second": second,
        "figures": figure_rows(first.metrics, second.metrics),
        "same_data": first.data_hash == second.data_hash,
        "parameters": parameter_rows(first.parameters, second.parameters),
        "overlaps": overlaps(first, second),
    }


def figure_rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[FigureRow]:
    """The figures of both blends that either has."""
    rows = [metrics.get("scorers", {}).get(CANDIDATE, {}) for metrics in (first, second)]
    figures, intervals = ([row.get(kind, {}) for row in rows] for kind in ("metrics", "intervals"))
    return [
        FigureRow(
            str(label), figures[0].get(name), figures[1].get(name), tuple(_pair(part, name) for part in intervals)
        )
        for name, label in FIGURES.items()
        if any(part.get(name) is not None for part in figures)
    ]


def _pair(intervals: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    low, high = intervals.get(name) or (None, None)
    return None if low is None else (low, high)


def parameter_rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[ParameterRow]:
    """The parameters of both, those that differ first."""
    told = [dict(_flat(parameters)) for parameters in (first, second)]
    rows = [ParameterRow(name, told[0].get(name, ""), told[1].get(name, "")) for name in {**told[0], **told[1]}]
    return sorted(rows, key=lambda row: not row.differs)


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False)))
    return found


def overlaps(first: ModelVersion, second: ModelVersion) -> list[Overlap]:
    """Compare the first ten for somebody new and for lovers of the commonest tags; empty if either cannot be opened."""
    epochs = Epoch.objects.numbers()
    memories = [process_memory.current(epochs, version.pk) for version in (first, second)]
    opened = [memory.bundle.version_id if memory.bundle else None for memory in memories]
    if opened != [first.pk, second.pk]:
        return []
    tags = Counter(tag for tags in memories[0].items.tags for tag in set(tags))
    persons = [(gettext("Somebody new"), ()), *((tag, (tag,)) for tag, _count in tags.most_common(PERSONS))]
    return [_overlap(str(person), liked, *memories) for person, liked in persons]


def _overlap(person: str, tags: tuple[str, ...], first: Memory, second: Memory) -> Overlap:
    ours, theirs = (_first_ten(memory, tags) for memory in (first, second))
    cards = first.catalog.cards
    return Overlap(
        person=person,
        shared=len(set(ours) & set(theirs)),
        only_first=tuple(cards[row].title for row in ours if row not in theirs),
        only_second=tuple(cards[row].title for row in theirs if row not in ours),
    )


def _first_ten(memory: Memory, tags: tuple[str, ...]) -> list[int]:
    scorer = memory.scorer(CANDIDATE)
    if scorer is None:
        return []
    history = history_of_taste(tags, memory, None) if tags else History()
    return top(scorer.score([history])[0], memory.catalog.live, SHOWN).tolist()
