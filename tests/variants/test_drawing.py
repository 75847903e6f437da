"""Images that a model drew: kept for review, described, and marked as AI-made wherever they go."""

from io import BytesIO

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from wagtail.images import get_image_model
from wagtail.models import Collection

from personalization import tasks
from personalization.catalog.models import Item
from personalization.variants import generation
from personalization.variants.asking import GenerationCall, PromptTemplate
from personalization.variants.budgets import usage_today
from personalization.variants.choices import AI_IMAGE, CallStatus, PartStatus, Purpose
from personalization.variants.drawing import AI_MADE, COLLECTION, LONGEST_SIDE, SOFTWARE, marked
from personalization.variants.generators.base import GeneratorError, Picture, Receipt
from personalization.variants.limits import Budget
from personalization.variants.models import Variant
from tests.factories import root_collection
from tests.slots.world import make_item, make_slot
from tests.variants.openai_server import OpenAIServer
from tests.variants.world import editor

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    with OpenAIServer() as server:
        settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
        yield server


@pytest.fixture
def asked(site):
    root_collection()
    template = PromptTemplate.objects.create(name="Teasers", tone="calm")

    def ask(**given):
        items = [] if "slots" in given else [Item.objects.first() or make_item(0)]
        given = {"fields": ["headline"], "alternatives": 2, "draws_image": True} | given
        request = generation.ask(user=editor(), template=template, items=items, **given)
        for pk in generation.queue_parts(request=request):
            tasks.generate_part(pk)
        return request

    return ask


def a_picture(format: str = "PNG", size=(64, 40), mode: str = "RGB", **saved) -> Picture:
    out = BytesIO()
    Pillow.new(mode, size, "seagreen").save(out, format, **saved)
    return Picture(content=out.getvalue(), format=format.lower(), receipt=Receipt())


def opened(content: bytes) -> Pillow.Image:
    image = Pillow.open(BytesIO(content))
    image.load()
    return image


def test_an_image_hangs_on_the_drafts_and_waits_for_review_in_its_collection(server, asked):
    request = asked()
    part, image = request.parts.get(), get_image_model().objects.get()
    assert (part.status, part.message) == (PartStatus.DONE, "")
    assert image.collection.name == COLLECTION
    assert list(image.tags.names()) == [AI_IMAGE]
    assert image.title == f"{part.item.title} (drawn by AI)"
    assert image.uploaded_by_user is None
    drafts = Variant.objects.all()
    assert len(drafts) == 2
    for draft in drafts:
        assert (draft.image, draft.live) == (image, False)
        assert draft.image_description == image.description
        assert draft.image_description


def test_the_image_is_asked_for_with_data_between_marks_and_paid_for_by_its_price(server, asked):
    asked()
    _words, drawn = server.asked
    assert drawn.path == "/v1/images/generations"
    prompt = drawn.body["prompt"]
    assert "Style: calm." in prompt
    assert prompt.index("<<<SOURCE") < prompt.index("Title: Space 0") < prompt.index("<<<END")
    call = GenerationCall.objects.get(purpose=Purpose.IMAGE)
    assert (call.status, call.input_tokens, call.output_tokens) == (CallStatus.OK, 120, 40)
    assert float(call.money) == pytest.approx((120 * 2 + 40 * 40) / 1e6)


def test_it_carries_its_mark_in_the_file_and_in_what_visitors_get(server, asked):
    asked()
    image = get_image_model().objects.get()
    with image.file.open("rb") as file:
        original = opened(file.read())
    assert AI_MADE.encode() in original.info["xmp"]
    description = original.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert (description["DigitalSourceType"], description["CreatorTool"]) == (AI_MADE, "test-model")
    with image.get_rendition("fill-32x20").file.open("rb") as file:
        assert AI_MADE in opened(file.read()).getexif()[SOFTWARE]


@pytest.mark.parametrize(
    ("format", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "L"), ("JPEG", "RGB"), ("WEBP", "RGBA")]
)
def test_every_format_is_painted_anew_and_marked(format, mode):
    image = opened(marked(a_picture(format, mode=mode), model="m").content)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 40))
    assert AI_MADE.encode() in image.info["xmp"]


def test_nothing_that_a_server_put_into_the_file_stays():
    chunks = PngInfo()
    chunks.add_text("Comment", "<script>secret</script>")
    chunks.add_itxt("XML:com.adobe.xmp", "<secret/>")
    exif = Pillow.Exif()
    exif[0x010F] = "secret"
    content = marked(a_picture(pnginfo=chunks, exif=exif), model='"><secret').content
    assert content.count(b"secret") == 1  # the model's own name, escaped
    assert opened(content).getxmp()["xmpmeta"]["RDF"]["Description"]["CreatorTool"] == '"><secret'
    assert 0x010F not in opened(content).getexif()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        a_picture("GIF").content,
        a_picture().content[:60],
        a_picture(size=(LONGEST_SIDE + 1, 1)).content,
    ],
    ids=["nothing", "svg", "gif", "truncated", "too large"],
)
def test_what_is_no_image_is_not_kept(content):
    with pytest.raises(GeneratorError, match="no image") as refused:
        marked(Picture(content=content, format="png", receipt=Receipt()), model="m")
    assert refused.value.status == CallStatus.MALFORMED


@pytest.mark.parametrize(("mood", "ended"), [("not_an_image", "malformed"), ("broken", "server_error")])
def test_without_an_image_the_words_are_kept_and_the_editor_is_told(server, asked, mood, ended):
    server.moods = ["well", mood]
    part = asked().parts.get()
    assert part.status == PartStatus.DONE
    assert "The words are here, an image is not:" in part.message
    assert GenerationCall.objects.get(purpose=Purpose.IMAGE).status == ended
    assert not get_image_model().objects.exists()
    assert {draft.image for draft in Variant.objects.all()} == {None}
    assert Variant.objects.count() == 2


def test_an_image_that_no_budget_allows_is_not_drawn(server, asked):
    Budget.objects.create(scope="site", tokens=3000)
    part = asked().parts.get()
    assert (part.status, len(server.asked)) == (PartStatus.DONE, 1)
    assert "an image is not: Today's budget" in part.message
    assert usage_today(editor())[0].used.tokens == 160


def test_a_model_that_draws_nothing_is_no_failure(server, asked, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings(image_model="")
    part = asked().parts.get()
    assert (part.status, len(server.asked)) == (PartStatus.DONE, 1)
    assert "draws no images" in part.message


def test_a_slot_has_no_image(server, asked):
    part = asked(slots=[make_slot(heading="Tonight")]).parts.get()
    assert (part.status, part.message, len(server.asked)) == (PartStatus.DONE, "", 1)


def test_the_collection_is_made_once(server, asked):
    asked()
    asked()
    assert Collection.objects.filter(name=COLLECTION).count() == 1
    assert get_image_model().objects.count() == 2
