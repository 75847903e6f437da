"""The StreamField blocks of the magazine."""

from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.images.blocks import ImageBlock

from personalization.blocks import SlotBlock

PROSE = ["bold", "italic", "link", "ol", "ul", "hr"]


class QuoteBlock(blocks.StructBlock):
    """A passage lifted out of the text, with the name of who said it."""

    text = blocks.TextBlock(label=_("quotation"))
    attribution = blocks.CharBlock(required=False, label=_("said by"))

    class Meta:
        icon = "openquote"
        template = "home/blocks/quote.html"
        label = _("quotation")


class FigureBlock(blocks.StructBlock):
    """A picture with its caption."""

    image = ImageBlock(label=_("image"))
    caption = blocks.CharBlock(required=False, label=_("caption"))

    class Meta:
        icon = "image"
        template = "home/blocks/figure.html"
        label = _("picture")


class StoryBlock(blocks.StreamBlock):
    """What an article, or the free part of the home page, is made of."""

    heading = blocks.CharBlock(icon="title", label=_("heading"), template="home/blocks/heading.html")
    paragraph = blocks.RichTextBlock(features=PROSE, label=_("text"))
    quote = QuoteBlock()
    image = FigureBlock()
    slot = SlotBlock()
