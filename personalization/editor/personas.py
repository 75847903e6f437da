"""Through whose eyes an editor looks at a slot. The choice stays with the editor's session until another is made."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.coreutils import get_content_languages
from wagtail.permission_policies import ModelPermissionPolicy

from personalization.catalog.models import Item
from personalization.catalog.snapshot import Catalog
from personalization.slots.context import ServingContext
from personalization.slots.rules import ItemChooser
from personalization.visitors.models import Segment, Visitor

SESSION_KEY = "personalization_persona"
SHORTEST_KEY = 4
LONGEST_WORDS = 300
MOST_NAMED = 12


def published_segments() -> list[tuple[str, str]]:
    """Keys and names of the segments to choose from."""
    return list(Segment.objects.filter(live=True).values_list("key", "name"))


class PersonaForm(forms.Form):
    """A new visitor, one who likes certain tags, one of certain segments, or one that exists."""

    NEW, TAGS, SEGMENTS, VISITOR = "new", "tags", "segments", "visitor"
    WHO = (
        (NEW, _("A new visitor")),
        (TAGS, _("A visitor who likes certain tags")),
        (SEGMENTS, _("A visitor in certain segments")),
        (VISITOR, _("A given visitor")),
    )

    who = forms.ChoiceField(label=_("Look as"), choices=WHO, initial=NEW, widget=forms.RadioSelect)
    tags = forms.CharField(label=_("Tags"), required=False, max_length=LONGEST_WORDS)
    segments = forms.MultipleChoiceField(
        label=_("Segments"),
        required=False,
        choices=published_segments,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Of several, the visitor is in all."),
    )
    visitor = forms.CharField(
        label=_("Visitor"),
        required=False,
        max_length=LONGEST_WORDS,
        help_text=_("The first characters of the visitor’s key, or a user’s name."),
    )
    item = forms.ModelChoiceField(
        label=_("On the page of"),
        required=False,
        queryset=Item.objects.filter(live=True),
        widget=ItemChooser,
        help_text=_("Left empty: on a page that is no item itself, such as the home page."),
    )
    locale = forms.ChoiceField(
        label=_("Language"), required=False, choices=lambda: list(get_content_languages().items())
    )

    def __init__(self, data: Mapping[str, Any], *, user: AbstractBaseUser, tags: Counter[str]) -> None:
        super().__init__(data)
        self.known_tags = {tag.casefold() for tag in tags}
        if tags:
            words = gettext("Separated by commas. Frequent ones: %(tags)s.")
            frequent = ", ".join(tag for tag, _count in tags.most_common(MOST_NAMED))
            self.fields["tags"].help_text = words % {"tags": frequent}
        if not ModelPermissionPolicy(Visitor).user_has_permission(user, "view"):
            # What somebody has read is shown by the reasons: it is not for every editor to see.
            del self.fields["visitor"]
            self._leave_out(self.VISITOR)
        if not published_segments():
            del self.fields["segments"]
            self._leave_out(self.SEGMENTS)
        if len(get_content_languages()) < 2:
            del self.fields["locale"]

    def _leave_out(self, who: str) -> None:
        self.fields["who"].choices = [choice for choice in self.fields["who"].choices if choice[0] != who]

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        who = cleaned.get("who")
        if who == self.TAGS and "tags" in cleaned:
            self._judge_tags(cleaned["tags"])
        if who == self.SEGMENTS and not cleaned.get("segments") and "segments" in self.fields:
            self.add_error("segments", gettext("Tick at least one segment."))
        if who == self.VISITOR and "visitor" in cleaned:
            try:
                cleaned["found"] = find_visitor(cleaned["visitor"])
            except ValidationError as error:
                self.add_error("visitor", error)
        return cleaned

    def _judge_tags(self, tags: list[str]) -> None:
        unknown = [tag for tag in tags if tag.casefold() not in self.known_tags]
        if not tags:
            self.add_error("tags", gettext("Name at least one tag."))
        elif unknown:
            self.add_error(
                "tags", gettext("Nothing that can be shown carries: %(tags)s.") % {"tags": ", ".join(unknown)}
            )

    @cached_property
    def summary(self) -> str:
        """In a few words, whose eyes these are."""
        if not self.is_valid() or self.cleaned_data["who"] == self.NEW:
            return gettext("a new visitor")
        if self.cleaned_data["who"] == self.TAGS:
            return gettext("a visitor who likes %(tags)s") % {"tags": ", ".join(self.cleaned_data["tags"])}
        if self.cleaned_data["who"] == self.SEGMENTS:
            names = [name for key, name in published_segments() if key in self.cleaned_data["segments"]]
            return gettext("a visitor in %(segments)s") % {"segments": ", ".join(names)}
        return gettext("the visitor %(visitor)s") % {"visitor": self.cleaned_data["found"]}

    @property
    def may_be_personalized(self) -> bool:
        """False for a given visitor who has not agreed: what they get is what anybody gets."""
        found = self.cleaned_data.get("found") if self.is_valid() else None
        return found is None or (hasattr(found, "consent") and found.consent.personalization)

    def context(self) -> ServingContext:
        """The serving context; a choice that does not hold any more gives a new visitor's."""
        chosen = self.cleaned_data if self.is_valid() else {}
        found, item = chosen.get("found"), chosen.get("item")
        return ServingContext.for_preview(
            visitor_key=found.key if found else None,
            tags=chosen.get("tags", ()) if chosen.get("who") == self.TAGS else (),
            segments=chosen.get("segments", ()) if chosen.get("who") == self.SEGMENTS else (),
            item_key=item.key if item else None,
            locale=chosen.get("locale") or settings.LANGUAGE_CODE,
        )


def count_tags(catalog: Catalog) -> Counter[str]:
    """How many of the items that can be shown carry each tag."""
    return Counter(tag for row, card in enumerate(catalog.cards) if catalog.live[row] for tag in card.tags)


def find_visitor(words: str) -> Visitor:
    """The visitor of a user's name or of the beginning of a key; raise ValidationError if there is not exactly one."""
    words = words.strip()
    visitors = Visitor.objects.select_related("consent", "user")
    named = visitors.filter(**{f"user__{get_user_model().USERNAME_FIELD}": words}).first() if words else None
    if named:
        return named
    if len(words) < SHORTEST_KEY:
        raise ValidationError(
            gettext("Give a user’s name, or at least %(n)d characters of a key.") % {"n": SHORTEST_KEY}
        )
    found = list(visitors.filter(key__startswith=words.lower())[:2])
    if not found:
        raise ValidationError(gettext("There is no visitor of this name or key."))
    if len(found) > 1:
        raise ValidationError(gettext("More than one visitor’s key begins like this: give more characters."))
    return found[0]


def remember(request: HttpRequest) -> None:
    """Keep what was chosen, as it was typed: it is judged whenever it is used."""
    chosen: dict[str, Any] = {
        name: request.POST.get(name, "")[:LONGEST_WORDS] for name in PersonaForm.base_fields if name != "segments"
    }
    chosen["segments"] = [key[:LONGEST_WORDS] for key in request.POST.getlist("segments")[:MOST_NAMED]]
    request.session[SESSION_KEY] = chosen


def recall(request: HttpRequest) -> dict[str, Any]:
    """What was chosen last, or a new visitor."""
    chosen = dict(request.session.get(SESSION_KEY, {"who": PersonaForm.NEW}))
    item = chosen.get("item", "")
    # The chooser's widget fails on an item that is none, so it is not told of it.
    if not (item.isascii() and item.isdecimal() and Item.objects.filter(pk=item).exists()):
        chosen["item"] = ""
    return chosen
