"""Drawn covers, kept as Wagtail images."""

import io
from collections.abc import Sequence

from django.core.files.images import ImageFile
from wagtail.images import get_image_model
from wagtail.images.models import AbstractImage

from cms_site.demo.covers import draw_cover
from cms_site.home.listings import CARD_SIZES

JPEG_QUALITY = 88
# Genres have no palette of their own: each borrows one, and a motif, by its place in the alphabet.
GENRE_PALETTES = (
    ("#1d1a2b", "#8c2f5d", "#f7d774"),
    ("#0b3c49", "#1f9aa8", "#ffb000"),
    ("#2d1650", "#9b4fd0", "#ff9fb2"),
    ("#12372a", "#3f8f5a", "#f3d9b1"),
    ("#4a2333", "#b9504f", "#f6b98b"),
    ("#1b2a41", "#3a86c8", "#8ee3c8"),
    ("#6b1f1a", "#e2583e", "#ffd79a"),
)
GENRE_MOTIFS = ("rays", "arcs", "circles", "grid", "waves", "hills", "dots", "bricks", "leaves")


def save_cover(*, title: str, slug: str, palette: Sequence[str], motif: str) -> AbstractImage:
    """Draw a cover, store it and make the renditions that cards show."""
    content = io.BytesIO()
    draw_cover(slug=slug, palette=palette, motif=motif).save(content, "JPEG", quality=JPEG_QUALITY)
    image = get_image_model()(title=title, file=ImageFile(content, name=f"{slug}.jpg"))
    image.save()
    image.get_renditions(*CARD_SIZES)
    return image


def genre_cover(*, genre: str, number: int = 0) -> AbstractImage:
    """One of the covers that the films of a genre share, drawn when it is first asked for."""
    title = f"Film cover: {genre} {number + 1}"
    place = sum(genre.lower().encode())
    palette = GENRE_PALETTES[place % len(GENRE_PALETTES)]
    motif = GENRE_MOTIFS[(place + number) % len(GENRE_MOTIFS)]
    existing = get_image_model().objects.filter(title=title).first()
    return existing or save_cover(title=title, slug=f"film-{place}-{number}", palette=palette, motif=motif)
