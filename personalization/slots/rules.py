"""What an editor can state about a slot's pool and order, as blocks of its two stream fields."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.admin.widgets import BaseChooser
from wagtail.snippets.blocks import SnippetChooserBlock

from personalization.catalog.models import Item

# The editor room registers a chooser viewset of this name; a room must not import it.
ITEM_CHOOSER = "personalization_item_chooser"
SMALLEST_FACTOR = 0.1
LARGEST_FACTOR = 10.0


class ItemChooser(BaseChooser):
    """The form widget that opens the chooser of catalog items."""

    model = Item
    choose_one_text = _("Choose an item")
    choose_another_text = _("Choose another item")
    link_to_chosen_text = _("Edit this item")
    chooser_modal_url_name = f"{ITEM_CHOOSER}:choose"
    icon = "doc-full"
    show_edit_link = False


class ItemChooserBlock(blocks.ChooserBlock):
    target_model = Item

    @cached_property
    def widget(self) -> ItemChooser:
        return ItemChooser()

    class Meta:
        icon = "doc-full"


class PinBlock(blocks.StructBlock):
    position = blocks.IntegerBlock(min_value=1, help_text=_("1 is the first place."))
    item = ItemChooserBlock(label=_("Item"))

    class Meta:
        icon = "pick"
        label = _("Pin an item to a position")


def _factor() -> blocks.FloatBlock:
    return blocks.FloatBlock(
        label=_("Factor"),
        default=2.0,
        validators=[MinValueValidator(SMALLEST_FACTOR), MaxValueValidator(LARGEST_FACTOR)],
        help_text=_("2 lifts, 0.5 lowers, 1 changes nothing. From 0.1 to 10."),
    )


class ItemBoostBlock(blocks.StructBlock):
    item = ItemChooserBlock(label=_("Item"))
    factor = _factor()

    class Meta:
        icon = "arrow-up"
        label = _("Boost an item")


class TagBoostBlock(blocks.StructBlock):
    tag = blocks.CharBlock(label=_("Tag"), max_length=100)
    factor = _factor()

    class Meta:
        icon = "tag"
        label = _("Boost a tag")


class SegmentRulesBlock(blocks.StreamBlock):
    """What an editor decides for some visitors besides."""

    pin = PinBlock()
    exclude = ItemChooserBlock(label=_("Never show an item"), icon="cross")
    boost_item = ItemBoostBlock()
    boost_tag = TagBoostBlock()


class ForSegmentBlock(blocks.StructBlock):
    segment = SnippetChooserBlock("personalization.Segment", label=_("Segment"))
    rules = SegmentRulesBlock(
        label=_("Rules"), help_text=_("They come on top of the slot’s own; a pin here goes before one of the slot.")
    )

    class Meta:
        icon = "group"
        label = _("Rules for a segment")


class PoolBlock(blocks.StreamBlock):
    """Where candidates come from."""

    tree = blocks.PageChooserBlock(
        label=_("Everything below a page"), icon="folder-open-inverse", can_choose_root=False
    )
    item = ItemChooserBlock(label=_("One item"))


class RulesBlock(blocks.StreamBlock):
    """What an editor decides, whatever the ranking says."""

    pin = PinBlock()
    exclude = ItemChooserBlock(label=_("Never show an item"), icon="cross")
    boost_item = ItemBoostBlock()
    boost_tag = TagBoostBlock()
    fallback = ItemChooserBlock(label=_("Show when there is no ranking"), icon="rotate")
    only_for = SnippetChooserBlock("personalization.Segment", label=_("Show the slot only to a segment"), icon="group")
    for_segment = ForSegmentBlock()
