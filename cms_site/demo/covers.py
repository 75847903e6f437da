"""Covers of the demonstration magazine: abstract, without text, and the same for the same slug every time."""

from collections.abc import Sequence

from PIL import Image

from cms_site.demo.canvas import Sheet
from cms_site.demo.motifs import MOTIFS


def draw_cover(*, slug: str, palette: Sequence[str], motif: str, size: tuple[int, int] = (1200, 750)) -> Image.Image:
    """Draw the cover of one article from a dark, a middle and a bright colour."""
    if motif not in MOTIFS:
        raise ValueError(f"unknown motif {motif!r}; choose one of {', '.join(sorted(MOTIFS))}")
    if len(palette) != 3:
        raise ValueError(f"a palette has three colours (dark, middle, bright), not {len(palette)}")
    sheet = Sheet(seed=f"{motif}/{slug}", palette=palette, size=size)
    MOTIFS[motif](sheet)
    return sheet.finish()
