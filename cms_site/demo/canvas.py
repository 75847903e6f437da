"""A sheet of paper to cut shapes from: gradients, soft shadows and smooth edges, drawn with Pillow."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageOps

Colour = tuple[int, int, int]
Point = tuple[float, float]
Shade = tuple[Colour, Colour, Colour]
Fill = Colour | tuple[Colour, Colour] | Shade

Box = tuple[int, int, int, int]

SUPERSAMPLING = 2
WHITE: Colour = (255, 255, 255)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour on the way from `one` (share 0) to `other` (share 1)."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Pen:
    """Draws on a layer's mask; the sheet is 100 units high, whatever its size in pixels."""

    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self.draw, self.scale = draw, scale

    def polygon(self, points: Sequence[Point], ink: int = 255) -> None:
        self.draw.polygon([(x * self.scale, y * self.scale) for x, y in points], fill=ink)

    def disc(self, x: float, y: float, radius: float, ink: int = 255) -> None:
        box = [
            (x - radius) * self.scale,
            (y - radius) * self.scale,
            (x + radius) * self.scale,
            (y + radius) * self.scale,
        ]
        self.draw.ellipse(box, fill=ink)

    def ring(self, x: float, y: float, radius: float, width: float, ink: int = 255) -> None:
        self.polyline([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in turns(180)], width, ink)

    def rectangle(self, x: float, y: float, width: float, height: float, *, corner: float = 0, ink: int = 255) -> None:
        box = [x * self.scale, y * self.scale, (x + width) * self.scale, (y + height) * self.scale]
        self.draw.rounded_rectangle(box, radius=corner * self.scale, fill=ink)

    def pie(self, x: float, y: float, radius: float, start: float, end: float, ink: int = 255) -> None:
        box = [
            (x - radius) * self.scale,
            (y - radius) * self.scale,
            (x + radius) * self.scale,
            (y + radius) * self.scale,
        ]
        self.draw.pieslice(box, start, end, fill=ink)

    def polyline(self, points: Sequence[Point], width: float, ink: int = 255) -> None:
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self.draw.line(scaled, fill=ink, width=max(1, round(width * self.scale)), joint="curve")


class Sheet:
    """The picture so far, its three colours and a random generator that belongs to it."""

    def __init__(self, *, seed: str, palette: Sequence[str], size: tuple[int, int]) -> None:
        self.random = Random(seed)  # noqa: S311 - decoration, not a secret
        self.dark, self.middle, self.bright = (ImageColor.getrgb(colour)[:3] for colour in palette)
        self.size = size
        self.width = 100 * size[0] / size[1]
        self.image = Image.new("RGB", size, self.dark)

    def background(self, fill: Fill, angle: float = 0) -> None:
        """Cover the sheet with a colour or a gradient that runs downward, turned by `angle` degrees."""
        self._fill(fill, angle, (0, 0, *self.size), None)

    @contextmanager
    def layer(self, fill: Fill, *, angle: float = 0, shadow: float = 0, opacity: float = 1) -> Iterator[Pen]:
        """Yield a pen; what it drew is filled, given a soft shadow and laid on the sheet."""
        large = (self.size[0] * SUPERSAMPLING, self.size[1] * SUPERSAMPLING)
        mask = Image.new("L", large, 0)
        yield Pen(ImageDraw.Draw(mask), large[1] / 100)
        mask = mask.reduce(SUPERSAMPLING)
        if shadow:
            self._cast_shadow(mask, shadow)
        if opacity < 1:
            mask = mask.point([round(level * opacity) for level in range(256)])
        if box := mask.getbbox():
            self._fill(fill, angle, box, mask.crop(box))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 0.6) -> None:
        """Add light that fades away from a point."""
        scale = self.size[1] / 100
        side = max(2, round(2 * radius * scale))
        fade = Image.radial_gradient("L").point([round(max(0, 1 - v / 178) ** 2 * 255 * strength) for v in range(256)])
        corner = (round((x - radius) * scale), round((y - radius) * scale))
        self.image.paste(
            colour, (*corner, corner[0] + side, corner[1] + side), fade.resize((side, side), Image.Resampling.BILINEAR)
        )

    def ball(self, x: float, y: float, radius: float, fill: Shade, light: Point) -> None:
        """Draw a disc shaded like a sphere, lit from the direction `light` (-1..1 to the right and downward)."""
        scale = self.size[1] / 100
        side = round(2 * radius * scale)
        span = round(side * 2.6)
        left, top = (round((span - side) / 2 - shift * side * 0.36) for shift in light)
        lit = (
            Image.radial_gradient("L")
            .resize((span, span), Image.Resampling.BILINEAR)
            .crop((left, top, left + side, top + side))
        )
        shaded = ImageOps.colorize(lit, fill[0], fill[2], mid=fill[1], blackpoint=8, midpoint=62, whitepoint=128)
        mask = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING), 0)
        ImageDraw.Draw(mask).ellipse([0, 0, side * SUPERSAMPLING - 1, side * SUPERSAMPLING - 1], fill=255)
        corner = (round((x - radius) * scale), round((y - radius) * scale))
        self.image.paste(shaded, corner, mask.reduce(SUPERSAMPLING))

    def finish(self) -> Image.Image:
        """Return the picture with a little grain, which also hides the steps of the gradients."""
        noise = Image.frombytes("L", self.size, self.random.randbytes(self.size[0] * self.size[1]))
        noise = noise.point([round(128 + (level - 127.5) * 0.085) for level in range(256)])
        return ImageChops.overlay(self.image, Image.merge("RGB", (noise, noise, noise)))

    def _fill(self, fill: Fill, angle: float, box: Box, mask: Image.Image | None) -> None:
        if isinstance(fill[0], int):
            self.image.paste(fill, box, mask)
            return
        slope = Image.linear_gradient("L")
        inner = slope.width / (abs(math.cos(math.radians(angle))) + abs(math.sin(math.radians(angle)))) - 2
        slope = slope.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        inset = (slope.width - inner) / 2  # the largest upright square inside the turned one has no empty corners
        part = [inset + edge * inner / side for edge, side in zip(box, self.size * 2, strict=True)]
        slope = slope.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR, box=part)
        colours = ImageOps.colorize(slope, fill[0], fill[-1], mid=fill[1] if len(fill) == 3 else None)
        self.image.paste(colours, box, mask)

    def _cast_shadow(self, mask: Image.Image, depth: float) -> None:
        scale = self.size[1] / 100
        small = mask.reduce(6).filter(ImageFilter.GaussianBlur(depth * scale / 6))
        soft = small.point([round(level * 0.42) for level in range(256)])
        soft = soft.resize(self.size, Image.Resampling.BILINEAR)
        drop = round(depth * scale * 0.35)
        self.image.paste(mix(self.dark, (0, 0, 0), 0.55), (0, drop, self.size[0], self.size[1] + drop), soft)


def turns(count: int) -> list[float]:
    """Return the angles of a full circle in `count` steps, the first again at the end."""
    return [2 * math.pi * step / count for step in range(count + 1)]
