"""Thumbs up or down: what an editor thinks of a draft, or of an item as a recommendation in a slot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin.utils import get_valid_next_url_from_request

from personalization.catalog.models import Item
from personalization.slots.models import Slot
from personalization.variants.judging import judge, opinion_of, opinions_on, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import Judgement

FRAGMENT = "personalization/editor/judgement.html"
PAGE = "personalization/editor/judgement_page.html"
GOOD, BAD, NONE = "good", "bad", "none"
LONGEST = Judgement._meta.get_field("comment").max_length
CHANGE_SLOT = "personalization.change_slot"
# Whoever may see a variant may say what they think of it; whether it is shown is decided elsewhere.
SEE_VARIANTS = [f"personalization.{action}_variant" for action in ("view", "change", "approve")]


@dataclass(frozen=True)
class Judgeable:
    """What can be judged, as the form in `judgement.html` shows it: pass it as `judged`."""

    kind: str
    key: str
    title: str
    slot: str = ""
    opinion: str = NONE
    comment: str = ""
    error: str = ""
    longest: int = LONGEST

    @property
    def url(self) -> str:
        return reverse("personalization_judge")

    @property
    def anchor(self) -> str:
        """Names the form on its page."""
        return f"judgement-{self.kind}-{self.key.replace(':', '-')}-{self.slot}".rstrip("-")


def judgeable_variant(variant: Variant, user: Any) -> Judgeable | None:
    """The form for a variant's page; None for whoever may not judge it."""
    if not _may_judge(user, "variant"):
        return None
    return Judgeable("variant", variant.key, str(variant), **_said(opinion_of(user, variant=variant)))


def judgeable_items(items: Iterable[Any], slot: Slot, user: Any) -> dict[str, Judgeable]:
    """The forms beside the cards of a slot that has been saved, by the items' keys."""
    if not slot.pk or not _may_judge(user, "item"):
        return {}
    cards = list(items)
    said = opinions_on(user, item_keys=[card.key for card in cards], slot_key=slot.key)
    return {card.key: Judgeable("item", card.key, card.title, slot.key, **_said(said.get(card.key))) for card in cards}


class JudgementForm(forms.Form):
    kind = forms.ChoiceField(choices=[("variant", "variant"), ("item", "item")])
    key = forms.CharField(max_length=120)
    slot = forms.SlugField(max_length=60, required=False)
    opinion = forms.ChoiceField(choices=[(GOOD, "good"), (BAD, "bad"), (NONE, "none")])
    comment = forms.CharField(
        required=False,
        max_length=LONGEST,
        error_messages={"max_length": _("A comment has %(limit_value)d characters at most, yours %(show_value)d.")},
    )


class JudgeView(View):
    """Keep an opinion or take it back; a script gets the form as it stands now, a browser the page it came from."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        form = JudgementForm(request.POST)
        form.is_valid()
        if set(form.errors) - {"comment"}:
            return HttpResponse(form.errors.as_text(), status=400, content_type="text/plain")
        kind, opinion = form.cleaned_data["kind"], form.cleaned_data["opinion"]
        if not _may_judge(request.user, kind):
            raise PermissionDenied
        told = _find(kind, form.cleaned_data["key"], form.cleaned_data["slot"])
        if form.errors:
            return self._answer(told, opinion, request.POST["comment"], form.errors["comment"][0], status=400)
        if opinion == NONE:
            withdraw(user=request.user, **told)
        else:
            judge(user=request.user, is_good=opinion == GOOD, comment=form.cleaned_data["comment"], **told)
        back = get_valid_next_url_from_request(request)
        if back and not self._is_script:
            return redirect(back)
        return self._answer(told, opinion, form.cleaned_data["comment"] if opinion != NONE else "")

    @property
    def _is_script(self) -> bool:
        return self.request.headers.get("X-Requested-With") == "XMLHttpRequest"

    def _answer(
        self, told: dict[str, Any], opinion: str, comment: str, error: str = "", status: int = 200
    ) -> HttpResponse:
        kind, thing = ("variant", told["variant"]) if "variant" in told else ("item", told["item"])
        judged = Judgeable(kind, thing.key, str(thing), told.get("slot_key", ""), opinion, comment, error)
        next_url = get_valid_next_url_from_request(self.request)
        context = {"judged": judged, "here": next_url, "page_title": _("Your opinion")}
        return TemplateResponse(self.request, FRAGMENT if self._is_script else PAGE, context, status=status)


def _may_judge(user: Any, kind: str) -> bool:
    return any(map(user.has_perm, SEE_VARIANTS if kind == "variant" else [CHANGE_SLOT]))


def _find(kind: str, key: str, slot: str) -> dict[str, Any]:
    if kind == "variant":
        return {"variant": get_object_or_404(Variant, pk=int(key) if key.isdecimal() and len(key) < 18 else 0)}
    return {
        "item": get_object_or_404(Item, key=key),
        "slot_key": get_object_or_404(Slot.objects.only("key"), key=slot).key,
    }


def _said(judgement: Judgement | None) -> dict[str, str]:
    if judgement is None:
        return {}
    return {"opinion": GOOD if judgement.is_good else BAD, "comment": judgement.comment}
