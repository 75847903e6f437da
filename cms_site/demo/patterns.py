"""Covers that show an ornament: planets, plates, wheels, tiles, strings."""

import math

from cms_site.demo.canvas import WHITE, Colour, Pen, Point, Shade, Sheet, mix

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def circles(sheet: Sheet) -> None:
    """A lit planet among its orbits, moons and stars, sometimes with a ring of its own."""
    pick = sheet.random
    sheet.background((mix(sheet.dark, (0, 0, 0), 0.4), mix(sheet.dark, sheet.middle, 0.4)), pick.uniform(-60, 60))
    haze = pick.choice([sheet.middle, mix(sheet.middle, sheet.bright, 0.55)])
    sheet.glow(pick.uniform(0, sheet.width), pick.uniform(0, 100), pick.uniform(70, 120), haze, 0.55)
    with sheet.layer(mix(sheet.bright, WHITE, 0.6), opacity=0.9) as pen:
        for _ in range(190):
            pen.disc(pick.uniform(0, sheet.width), pick.uniform(0, 100), 0.12 + 0.5 * pick.random() ** 6)
    x, y, radius = sheet.width * pick.choice([0.26, 0.38, 0.62, 0.74]), pick.uniform(44, 62), pick.uniform(20, 35)
    light = (pick.choice([-1, 1]) * pick.uniform(0.6, 1), pick.uniform(-0.9, -0.2))
    sheet.glow(x + light[0] * 9, y + light[1] * 9, radius * 2.2, mix(sheet.middle, sheet.bright, 0.2), 0.8)
    warm = (mix(sheet.bright, WHITE, 0.4), mix(sheet.bright, sheet.middle, 0.2), mix(sheet.dark, sheet.middle, 0.12))
    cool = (mix(sheet.middle, WHITE, 0.6), sheet.middle, mix(sheet.dark, (0, 0, 0), 0.25))
    large, small = (warm, cool) if pick.random() < 0.55 else (cool, warm)
    if pick.random() < 0.5:
        _ringed_planet(sheet, (x, y), radius * 0.75, large, light)
    else:
        _planet_with_moons(sheet, (x, y), radius, (large, small), light)


def _planet_with_moons(sheet: Sheet, centre: Point, radius: float, shades: tuple[Shade, Shade], light: Point) -> None:
    pick = sheet.random
    orbits = [radius * (1.4 + 0.42 * step) for step in range(5)]
    with sheet.layer(mix(sheet.middle, WHITE, 0.45), opacity=0.45) as pen:
        for orbit in orbits:
            pen.polyline(_orbit(centre, orbit, 1, 0), 0.24)
    sheet.ball(*centre, radius, shades[0], light)
    for orbit in pick.sample(orbits, 3):
        turn = pick.uniform(0, 2 * math.pi)
        moon = (centre[0] + orbit * math.cos(turn), centre[1] + orbit * math.sin(turn))
        sheet.ball(*moon, pick.uniform(1.6, 5.5), shades[1], light)


def _ringed_planet(sheet: Sheet, centre: Point, radius: float, shade: Shade, light: Point) -> None:
    tilt, flat = sheet.random.choice([-1, 1]) * sheet.random.uniform(0.2, 0.5), sheet.random.uniform(0.16, 0.3)
    bands = [(1.5, 0.1), (1.72, 0.24), (2.02, 0.16), (2.2, 0.05)]
    for front in (False, True):
        tones = [
            mix(sheet.bright, WHITE, 0.5),
            mix(sheet.middle, WHITE, 0.35),
            sheet.bright,
            mix(sheet.middle, WHITE, 0.2),
        ]
        for (reach, width), tone in zip(bands, tones, strict=True):
            with sheet.layer(tone, opacity=0.85) as pen:
                outer = _orbit(centre, radius * (reach + width / 2), flat, tilt, half=front)
                inner = _orbit(centre, radius * (reach - width / 2), flat, tilt, half=front)
                pen.polygon([*outer, *reversed(inner)])
        if not front:
            sheet.ball(*centre, radius, shade, light)


def _orbit(centre: Point, radius: float, flat: float, tilt: float, *, half: bool | None = None) -> list[Point]:
    """Return points of a tilted ellipse: all of it, its near half (True) or its far half (False)."""
    start, span = (0, 2) if half is None else (0 if half else 1, 1)
    angles = [math.pi * (start + span * step / 90) for step in range(91)]
    flattened = [(radius * math.cos(a), radius * flat * math.sin(a)) for a in angles]
    cos, sin = math.cos(tilt), math.sin(tilt)
    return [(centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in flattened]


def dots(sheet: Sheet) -> None:
    """Plates seen from above, with seeds laid out as a sunflower lays out its own."""
    pick = sheet.random
    ground = [(mix(sheet.middle, sheet.bright, 0.25), mix(sheet.middle, sheet.dark, 0.35)), (sheet.dark, sheet.middle)]
    cloth = pick.choice([*ground, (mix(sheet.bright, WHITE, 0.25), mix(sheet.bright, sheet.middle, 0.45))])
    sheet.background(cloth, pick.uniform(-60, 60))
    with sheet.layer(mix(cloth[0], WHITE, 0.4), opacity=0.3) as pen:
        for row in range(18):
            for column in range(30):
                pen.disc((column + row % 2 / 2) * 6, row * 6, 0.55)
    side = pick.choice([0.3, 0.7])
    plates = [(side, 0.54, 37), (1 - side * 0.86, pick.uniform(0.16, 0.34), 23), (1 - side, 0.92, pick.uniform(15, 25))]
    for x, y, radius in plates:
        _plate(sheet, x * sheet.width, y * 100, radius)


def _plate(sheet: Sheet, x: float, y: float, radius: float) -> None:
    pick = sheet.random
    china = pick.choice(
        [mix(sheet.bright, WHITE, 0.65), mix(sheet.bright, WHITE, 0.3), mix(sheet.dark, sheet.middle, 0.2)]
    )
    food = pick.choice([c for c in (sheet.dark, sheet.middle, sheet.bright) if _contrast(c, china) > 90])
    with sheet.layer((mix(china, WHITE, 0.25), china), shadow=4, angle=30) as pen:
        pen.disc(x, y, radius)
    with sheet.layer((mix(china, sheet.dark, 0.12), mix(china, WHITE, 0.15)), angle=30) as pen:
        pen.disc(x, y, radius * 0.74)
    with sheet.layer(
        (mix(food, WHITE, 0.15), food, mix(food, sheet.middle, 0.45)), angle=pick.uniform(0, 360), shadow=0.8
    ) as pen:
        count = pick.choice([60, 110, 180])
        for seed in range(1, count):
            reach = radius * 0.66 * math.sqrt(seed / count)
            size = radius * 0.62 / math.sqrt(count) * (0.55 + 0.4 * seed / count)
            pen.disc(x + reach * math.cos(seed * GOLDEN_ANGLE), y + reach * math.sin(seed * GOLDEN_ANGLE), size)


def _contrast(one: Colour, other: Colour) -> float:
    return math.dist(one, other)


def arcs(sheet: Sheet) -> None:
    """Great wheels cut by the frame: rims of paper, fine spokes and a hub."""
    pick = sheet.random
    paper = pick.random() < 0.5
    base = mix(sheet.bright, WHITE, 0.72) if paper else mix(sheet.dark, sheet.middle, 0.15)
    sheet.background((base, mix(base, sheet.middle, 0.35)), pick.uniform(-50, 50))
    flip = pick.choice([0, 1])
    wheels = [(abs(flip - pick.uniform(0.68, 0.84)), pick.uniform(78, 100), pick.uniform(62, 76))]
    wheels.append((abs(flip - pick.uniform(0.06, 0.28)), pick.uniform(6, 44), pick.uniform(32, 46)))
    for x, y, radius in reversed(wheels):
        _wheel(sheet, x * sheet.width, y, radius, base)


def _wheel(sheet: Sheet, x: float, y: float, radius: float, base: Colour) -> None:
    pick = sheet.random
    tones = [
        sheet.middle,
        sheet.bright,
        sheet.dark,
        mix(sheet.middle, WHITE, 0.4),
        mix(sheet.bright, sheet.middle, 0.4),
    ]
    pick.shuffle(tones)
    reach = radius
    for tone in tones[:4]:
        with sheet.layer((mix(tone, WHITE, 0.12), mix(tone, sheet.dark, 0.15)), shadow=2.2, angle=20) as pen:
            pen.disc(x, y, reach)
        reach -= radius * pick.uniform(0.07, 0.15)
    with sheet.layer((base, mix(base, sheet.middle, 0.25)), shadow=1.2) as pen:
        pen.disc(x, y, reach)
    ink = sheet.dark if sum(base) > 380 else mix(sheet.bright, WHITE, 0.4)
    with sheet.layer(ink, opacity=0.75) as pen:
        for step in range(32):
            turn, lean = 2 * math.pi * step / 32, 0.5 if step % 2 else -0.5
            hub = (x + radius * 0.09 * math.cos(turn + lean * 2), y + radius * 0.09 * math.sin(turn + lean * 2))
            pen.polyline([hub, (x + reach * math.cos(turn), y + reach * math.sin(turn))], 0.22)
        pen.disc(x, y, radius * 0.1)


def grid(sheet: Sheet) -> None:
    """Square tiles with discs, quarters and bars, like a board of components."""
    pick = sheet.random
    tones = [sheet.dark, mix(sheet.dark, sheet.middle, 0.5), sheet.middle, sheet.bright, mix(sheet.bright, WHITE, 0.7)]
    sheet.background(sheet.dark)
    rows = pick.choice([4, 5])
    side = 100 / rows
    floors: list[list[Point]] = [[] for _ in tones]
    shapes: list[list[Point]] = [[] for _ in tones]
    for row in range(rows):
        for column in range(math.ceil(sheet.width / side)):
            floor, shape = pick.choices(range(5), weights=[5, 4, 4, 2, 1])[0], pick.randrange(5)
            floors[floor].append((column * side, row * side))
            shapes[shape if shape != floor else (floor + 2) % 5].append((column * side, row * side))
    for tone, places in zip(tones, floors, strict=True):
        with sheet.layer((mix(tone, WHITE, 0.05), mix(tone, sheet.dark, 0.18)), angle=45) as pen:
            for x, y in places:
                pen.rectangle(x, y, side, side)
    for tone, places in zip(tones, shapes, strict=True):
        with sheet.layer((mix(tone, WHITE, 0.08), mix(tone, sheet.dark, 0.12)), angle=45, shadow=0.9) as pen:
            for x, y in places:
                _tile(sheet, pen, x, y, side)


def _tile(sheet: Sheet, pen: Pen, x: float, y: float, side: float) -> None:
    pick = sheet.random
    kind = pick.choice(["quarter", "quarter", "leaf", "disc", "half", "pins", "ring", "empty"])
    corner = pick.choice([(0, 0, 0), (1, 0, 90), (1, 1, 180), (0, 1, 270)])
    if kind in ("quarter", "leaf"):
        pen.pie(x + corner[0] * side, y + corner[1] * side, side, corner[2], corner[2] + 90)
    elif kind == "disc":
        pen.disc(x + side / 2, y + side / 2, side * pick.choice([0.2, 0.34]))
    elif kind == "half":
        pen.pie(x + side / 2, y + side / 2, side / 2, corner[2], corner[2] + 180)
    elif kind == "ring":
        pen.ring(x + side / 2, y + side / 2, side * 0.3, side * 0.12)
    elif kind == "pins":
        for pin in range(16):
            pen.disc(x + side * (pin % 4 + 0.5) / 4, y + side * (pin // 4 + 0.5) / 4, side * 0.06)


def waves(sheet: Sheet) -> None:
    """Ribbons that swell and cross like the strings of one chord."""
    pick = sheet.random
    pale = pick.random() < 0.35
    night = (mix(sheet.dark, (0, 0, 0), 0.2), mix(sheet.dark, sheet.middle, 0.5))
    day = (mix(sheet.bright, WHITE, 0.55), mix(sheet.bright, sheet.middle, 0.25))
    sheet.background(day if pale else night, pick.uniform(-50, 50))
    swell, level = pick.uniform(0.2, 0.8), pick.uniform(44, 58)
    sheet.glow(swell * sheet.width, level, 90, mix(sheet.bright, WHITE, 0.6) if pale else sheet.middle, 0.7)
    voices = (
        [sheet.middle, mix(sheet.middle, sheet.dark, 0.5), sheet.dark]
        if pale
        else [sheet.middle, mix(sheet.middle, sheet.bright, 0.55), sheet.bright]
    )
    for tone in voices:
        cycles, phase, drift = pick.uniform(0.7, 2.4), pick.uniform(0, 6.3), pick.uniform(0.06, 0.2)
        fill = (mix(tone, sheet.middle, 0.7), tone, mix(tone, sheet.bright if pale else WHITE, 0.4))
        with sheet.layer(fill, angle=90, opacity=0.9) as pen:
            for string in range(16):
                line = _string(sheet.width, swell, level, cycles, phase + string * drift, string)
                pen.polyline(line, 0.28 + 0.022 * string)


def _string(width: float, swell: float, level: float, cycles: float, phase: float, string: int) -> list[Point]:
    points = []
    for step in range(121):
        share = step / 120
        envelope = math.exp(-(((share - swell) / 0.34) ** 2))
        height = (8 + 26 * envelope) * math.sin(2 * math.pi * cycles * share + phase)
        points.append((share * width, level + (string - 8) * 0.9 + height))
    return points
