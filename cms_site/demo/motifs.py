"""The motifs by name; each draws one small composition that varies with the seed of its sheet."""

from collections.abc import Callable

from cms_site.demo.canvas import Sheet
from cms_site.demo.patterns import arcs, circles, dots, grid, waves
from cms_site.demo.scenes import bricks, hills, leaves, rays

MOTIFS: dict[str, Callable[[Sheet], None]] = {
    motif.__name__: motif for motif in (waves, circles, hills, grid, rays, leaves, bricks, dots, arcs)
}
