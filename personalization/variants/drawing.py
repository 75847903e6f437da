"""Images that a model draws: kept for review in a collection of their own, and marked as AI-made in the file itself.

Another medium, such as video, would come in the same way: a method of its own beside `Generator.draw`, a purpose of its
own in budgets, a collection for review, and a field of the variant that content_digest covers.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from xml.sax.saxutils import quoteattr

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image as Pillow
from wagtail.images import get_image_model
from wagtail.models import Collection

from personalization.variants.asking import GenerationPart
from personalization.variants.budgets import BudgetError, reserve
from personalization.variants.calls import call_model
from personalization.variants.choices import AI_IMAGE, CallStatus, Purpose, Words
from personalization.variants.generators.base import Generator, GeneratorError, Picture, Usage
from personalization.variants.hashing import Source
from personalization.variants.parts import Watch
from personalization.variants.prompting import LETTERS_PER_TOKEN, image_prompt

COLLECTION = "AI images, to be reviewed"
# What IPTC calls media that a trained model has made.
AI_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" Iptc4xmpExt:DigitalSourceType={kind} xmp:CreatorTool={model}/>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
SOFTWARE = 0x0131  # of EXIF, which Wagtail's renditions of a JPEG keep
QUALITY = 88
LONGEST_SIDE = 4096
# The most that an image has been seen to take; what it took is written down afterwards.
IMAGE_TOKENS = 6300


def draw_for(
    part: GenerationPart, source: Source, words: Mapping[str, str], generator: Generator, watch: Watch
) -> tuple[Picture | None, str]:
    """The image that was asked for with a part's words, or what an editor is told instead; slots have none.

    The words are there already, and are kept in any case.
    """
    if not (part.request.draws_image and part.item_id):
        return None, ""
    if not generator.draws:
        return None, _("The words are here. This model draws no images.")
    request = part.request
    asked = image_prompt(request.template, source, words.get(Words.IMAGE_DESCRIPTION, ""))
    try:
        call = reserve(
            part=part,
            editor=request.requested_by,
            generator=generator.name,
            model=generator.image_model,
            estimate=Usage(len(asked.encode()) // LETTERS_PER_TOKEN + 1, IMAGE_TOKENS),
            purpose=Purpose.IMAGE,
            template_version=request.template.version,
        )
        picture = call_model(call, lambda: generator.draw(asked, is_cancelled=watch.is_cancelled))
        return marked(picture, model=call.model), ""
    except (GeneratorError, BudgetError) as error:
        return None, _("The words are here, an image is not: %s") % error


def marked(picture: Picture, *, model: str) -> Picture:
    """The image painted anew, so that nothing comes along that a server put into the file, and marked as AI-made."""
    try:
        with Pillow.open(BytesIO(picture.content), formats=("PNG", "JPEG", "WEBP")) as found:
            if max(found.size) > LONGEST_SIDE:
                raise ValueError
            seen = found.convert("RGBA")
        canvas = Pillow.new("RGB", seen.size, "white")
        canvas.paste(seen, mask=seen)
    except Exception as error:  # decoders raise whatever broken bytes lead them to
        told = _("The model's answer is no image that could be kept. Try again, or choose an image yourself.")
        raise GeneratorError(CallStatus.MALFORMED, told) from error
    exif = Pillow.Exif()
    exif[SOFTWARE] = f"AI-generated ({AI_MADE})"
    xmp = XMP.format(kind=quoteattr(AI_MADE), model=quoteattr(model)).encode()
    out = BytesIO()
    canvas.save(out, "JPEG", quality=QUALITY, exif=exif, xmp=xmp)
    return Picture(content=out.getvalue(), format="jpeg", receipt=picture.receipt)


def keep_picture(picture: Picture, part: GenerationPart, words: Mapping[str, str]) -> Any:
    """Keep a drawn image for review. It is nobody's own: only who may review images changes or deletes it."""
    description = words.get(Words.IMAGE_DESCRIPTION) or part.item.title
    image = get_image_model()(
        title=(_("%s (drawn by AI)") % part.item.title)[:255],
        description=description[:255],
        collection=review_collection(),
        file=ContentFile(picture.content, name=f"ai-{part.pk}.jpg"),
    )
    image.save()
    image.get_file_hash()
    image.tags.add(AI_IMAGE)
    return image


@transaction.atomic
def review_collection() -> Collection:
    """The collection of images that nobody has reviewed yet; made when it is needed first."""
    root = Collection.objects.select_for_update().filter(depth=1).first()
    return root.get_children().filter(name=COLLECTION).first() or root.add_child(name=COLLECTION)
