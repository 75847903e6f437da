"""Budgets of generation as administrators set them, with what today has used of each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet

from personalization.editor.asked import priced
from personalization.editor.variant_facts import count_or_unknown
from personalization.variants import budgets
from personalization.variants.models import Budget, GenerationCall

NAMESPACE = "personalization_budgets"


class BudgetForm(WagtailAdminModelForm):
    """One budget: there is one for all editors together, one for each editor, and exceptions by name."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        scope, editor = cleaned.get("scope"), cleaned.get("editor")
        if scope == Budget.Scope.SITE and editor:
            self.add_error("editor", gettext("The budget of all editors together names nobody: leave this empty."))
        elif scope and self._others(scope, editor).exists():
            self.add_error("editor" if editor else "scope", gettext("There is such a budget already: edit that one."))
        if cleaned.get("tokens") is None and cleaned.get("money") is None and not self.errors:
            self.add_error("tokens", gettext("Set at least one limit, or delete this budget."))
        return cleaned

    def _others(self, scope: str, editor: Any) -> Any:
        same = Budget.objects.filter(editor=editor) if editor else Budget.objects.filter(scope=scope, editor=None)
        return same.exclude(pk=self.instance.pk)


@dataclass(frozen=True)
class Use:
    """What has been used today beside what may be; `share` is that of the limit that is nearer, from 0 to 1."""

    name: str
    tokens: str
    money: str
    share: float | None

    @property
    def percent(self) -> int:
        return round(100 * (self.share or 0))


def uses_of_today() -> list[Use]:
    """What all editors together have used, and each one who has asked for something today."""
    begin, end = budgets.day_of(timezone.now())
    today = GenerationCall.objects.filter(started_at__gte=begin, started_at__lt=end, editor__isnull=False)
    editors = get_user_model().objects.filter(pk__in=today.values("editor")).order_by("pk")
    return [use_of(budgets.usage_today(None)[0]), *(use_of(budgets.usage_today(one)[1], str(one)) for one in editors)]


def use_of(standing: budgets.Standing, name: str = "") -> Use:
    """How one stands today, in words and as a share."""
    used = standing.used
    shares = [
        float(spent / limit) if limit else 1.0
        for spent, limit in ((used.tokens, standing.tokens), (used.money, standing.money))
        if limit is not None and spent is not None
    ]
    return Use(
        name or standing.label,
        _beside(count_or_unknown(used.tokens), standing.tokens, count_or_unknown),
        _beside(priced(used.money), standing.money, priced),
        max(shares, default=None),
    )


def _beside(used: str, limit: Any, told: Callable[[Any], str]) -> str:
    if limit is None:
        return gettext("%(used)s, no limit") % {"used": used}
    return gettext("%(used)s of %(limit)s") % {"used": used, "limit": told(limit)}


class BudgetIndexView(generic.IndexView):
    template_name = "personalization/editor/asking/budget_index.html"
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "No budgets yet: nothing limits what the model may be asked. Set one for all editors together, so that nobody "
        "is surprised by a bill, and one for each editor, so that everybody gets their turn."
    )

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    def get_base_queryset(self) -> QuerySet[Budget]:
        return super().get_base_queryset().select_related("editor")

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict:
        renews_at = budgets.day_of(timezone.now())[1]
        return super().get_context_data(*args, uses=uses_of_today(), renews_at=renews_at, **kwargs)


class BudgetViewSet(ModelViewSet):
    model = Budget
    name = NAMESPACE
    url_prefix = "personalization/generation-budgets"
    icon = "tasks"
    menu_label = _("Budgets")
    index_view_class = BudgetIndexView
    copy_view_enabled = False
    add_to_reference_index = False
    search_backend_name = None
    ordering = "scope"
    list_display = [
        "__str__",
        Column("tokens", label=_("Tokens a day"), accessor=lambda budget: limit_of(budget.tokens, count_or_unknown)),
        Column("money", label=_("Money a day"), accessor=lambda budget: limit_of(budget.money, priced)),
    ]
    edit_handler = ObjectList(
        [
            FieldRowPanel([FieldPanel("scope"), FieldPanel("editor")]),
            MultiFieldPanel(
                [
                    HelpPanel(
                        _(
                            "The day is UTC’s. Before each call, what it may take at most is held back; a call that "
                            "would go beyond a limit is not made, and its editor reads why."
                        )
                    ),
                    FieldRowPanel([FieldPanel("tokens"), FieldPanel("money")]),
                ],
                heading=_("Limits"),
            ),
        ],
        base_form_class=BudgetForm,
    )


def limit_of(value: Any, told: Callable[[Any], str]) -> str:
    return gettext("no limit") if value is None else told(value)
