"""Covers that show a place: a garden, a street, a cinema, a range of hills."""

import math

from cms_site.demo.canvas import WHITE, Pen, Point, Sheet, mix


def leaves(sheet: Sheet) -> None:
    """Stems of paired leaves, three beds deep, in front of a low sun."""
    pick = sheet.random
    dusk = pick.random() < 0.4
    sky = (
        (mix(sheet.dark, sheet.middle, 0.35), sheet.middle) if dusk else (mix(sheet.bright, WHITE, 0.35), sheet.bright)
    )
    sheet.background(sky)
    x, y = pick.uniform(0.25, 0.75) * sheet.width, pick.uniform(28, 46)
    sheet.glow(x, y, 60, mix(sheet.bright, WHITE, 0.5), 0.7)
    with sheet.layer(mix(sheet.bright, WHITE, 0.15 if dusk else 0.75), shadow=2) as pen:
        pen.disc(x, y, pick.uniform(12, 19))
    for depth, tone in enumerate([mix(sheet.middle, sky[1], 0.45), sheet.middle, mix(sheet.middle, sheet.dark, 0.62)]):
        stems = [_stem(sheet, depth, step) for step in range(4 + depth)]
        for side, shade in ((-1, mix(tone, sheet.dark, 0.22)), (1, mix(tone, sheet.bright, 0.16))):
            with sheet.layer((shade, mix(shade, sheet.dark, 0.3)), shadow=1.5 if side < 0 else 0) as pen:
                for stem, length in stems:
                    _draw_stem(pen, stem, length, side)


def _stem(sheet: Sheet, depth: int, step: int) -> tuple[list[Point], float]:
    pick = sheet.random
    count = 4 + depth
    root = sheet.width * (step + pick.uniform(0.1, 0.9)) / count
    height, lean = pick.uniform(58, 92) - depth * 18, pick.uniform(-24, 24)
    joints = round(height / 5)
    points = [(root + lean * (t / joints) ** 2, 106 - height * t / joints) for t in range(joints + 1)]
    return points, pick.uniform(11, 15) + depth * 2.5


def _draw_stem(pen: Pen, stem: list[Point], length: float, side: int) -> None:
    pen.polyline(stem, 0.7)
    for index in range(2, len(stem) - 1, 2):
        (x, y), (next_x, next_y) = stem[index], stem[index + 1]
        along = math.atan2(next_y - y, next_x - x)
        for hand in (-1, 1):
            _half_leaf(pen, (x, y), along + hand * 0.85, length * (1.1 - 0.05 * index), side * hand)
    (x, y), (next_x, next_y) = stem[-2:]
    _half_leaf(pen, stem[-1], math.atan2(next_y - y, next_x - x), length * 0.7, side)


def _half_leaf(pen: Pen, base: Point, angle: float, length: float, side: int) -> None:
    outline = [(t / 16, side * 0.24 * math.sin(math.pi * (t / 16) ** 0.8)) for t in range(17)]
    cos, sin = math.cos(angle) * length, math.sin(angle) * length
    pen.polygon([(base[0] + along * cos - out * sin, base[1] + along * sin + out * cos) for along, out in outline])


def bricks(sheet: Sheet) -> None:
    """A wall in running bond, with arches that open on an evening sky."""
    pick = sheet.random
    sheet.background((mix(sheet.middle, sheet.dark, 0.75), sheet.dark))
    tones = [mix(sheet.middle, sheet.dark, share) for share in (0.05, 0.2, 0.36)] + [
        mix(sheet.middle, sheet.bright, 0.3)
    ]
    height, length = 5.4, 15.0
    walls: list[list[Point]] = [[] for _ in tones]
    for row in range(20):
        for column in range(-1, 12):
            choice = pick.choices(range(4), weights=[5, 5, 3, 1.6])[0]
            walls[choice].append((column * length + row % 2 * length / 2, row * height))
    for tone, places in zip(tones, walls, strict=True):
        with sheet.layer((mix(tone, sheet.bright, 0.18), tone, mix(tone, sheet.dark, 0.35)), angle=35) as pen:
            for x, y in places:
                pen.rectangle(x, y, length - 0.6, height - 0.6, corner=0.4)
    count = pick.choice([1, 2, 3, 4])
    width = {1: 62, 2: 44, 3: 34, 4: 25}[count]
    gap = (sheet.width - count * width) / (count + 1)
    _arches(sheet, [gap + step * (width + gap) for step in range(count)], width, pick.uniform(20, 34))


def _arches(sheet: Sheet, lefts: list[float], width: float, top: float) -> None:
    pick = sheet.random
    night = pick.random() < 0.5
    stone = mix(sheet.bright, WHITE, 0.35)
    with sheet.layer((stone, mix(stone, sheet.middle, 0.35)), shadow=2.5) as pen:
        for left in lefts:
            _arch(pen, left - 2.2, top, width + 4.4)
    evening = (
        mix(sheet.middle, sheet.bright, 0.25),
        mix(sheet.middle, sheet.bright, 0.7),
        mix(sheet.bright, WHITE, 0.45),
    )
    late = (mix(sheet.dark, (0, 0, 0), 0.5), mix(sheet.dark, (40, 30, 90), 0.4), mix(sheet.middle, (70, 40, 110), 0.45))
    with sheet.layer(late if night else evening) as pen:
        for left in lefts:
            _arch(pen, left, top + 2.2, width)
    with sheet.layer(mix(sheet.bright, WHITE, 0.65)) as pen:
        sun = pick.choice(lefts) + width * pick.uniform(0.3, 0.7)
        pen.disc(sun, pick.uniform(48, 66), min(12, width * 0.26))
        _outside(pen, sheet, lefts, width, top)
    _skyline(sheet, lefts, width, top)


def _skyline(sheet: Sheet, lefts: list[float], width: float, top: float) -> None:
    pick = sheet.random
    houses, x = [], 0.0
    while x < sheet.width:
        houses.append((x, pick.uniform(66, 90), pick.uniform(8, 15), pick.choice([0, 0, 3, 5])))
        x += houses[-1][2]
    with sheet.layer((mix(sheet.dark, sheet.middle, 0.35), sheet.dark)) as pen:
        for left, roof, wide, peak in houses:
            ridge = (left + wide / 2, roof - peak)
            pen.polygon([(left, 101), (left, roof), ridge, (left + wide, roof), (left + wide, 101)])
        _outside(pen, sheet, lefts, width, top)
    with sheet.layer(mix(sheet.bright, WHITE, 0.2), opacity=0.9) as pen:
        for left, roof, wide, _peak in houses:
            for row in range(1, int((100 - roof) / 4)):
                for column in range(int(wide / 2.6)):
                    if pick.random() < 0.3:
                        pen.rectangle(left + 1 + column * 2.6, roof + row * 4 - 1, 1.1, 1.8)
        _outside(pen, sheet, lefts, width, top)


def _arch(pen: Pen, left: float, top: float, width: float, ink: int = 255) -> None:
    pen.disc(left + width / 2, top + width / 2, width / 2, ink)
    pen.rectangle(left, top + width / 2, width, 101, ink=ink)


def _outside(pen: Pen, sheet: Sheet, lefts: list[float], width: float, top: float) -> None:
    """Wipe what lies outside the arches from the layer."""
    edges = [0.0, *(edge for left in lefts for edge in (left, left + width)), sheet.width]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        pen.rectangle(start, 0, end - start, 101, ink=0)
    for left in lefts:
        rim = [(left + width / 2 * (1 - math.cos(a)), top + 2.2 + width / 2 * (1 - math.sin(a))) for a in _half_turn()]
        pen.polygon([(left, 0), *rim, (left + width, 0)], ink=0)


def _half_turn() -> list[float]:
    return [math.pi * step / 48 for step in range(49)]


def rays(sheet: Sheet) -> None:
    """A projector's beam through dust, crossing a strip of film."""
    pick = sheet.random
    sheet.background((mix(sheet.dark, (0, 0, 0), 0.35), mix(sheet.dark, sheet.middle, 0.45)), pick.uniform(-70, 70))
    x, y = pick.choice([0.03, 0.14, 0.86, 0.97]) * sheet.width, pick.choice([10, 24, 84])
    aim = math.atan2(52 - y, sheet.width / 2 - x)
    sheet.glow(x, y, 170, sheet.middle, 0.85)
    if pick.random() < 0.9:
        _film_strip(sheet, pick.uniform(0.4, 0.6), aim + math.pi / 2 + pick.uniform(-0.35, 0.35))
    for spread, tone, opacity in ((0.46, sheet.middle, 0.3), (0.33, sheet.bright, 0.14), (0.2, sheet.bright, 0.17)):
        with sheet.layer(tone, opacity=opacity) as pen:
            _beam(pen, (x, y), aim + pick.uniform(-0.06, 0.06), spread)
    with sheet.layer(mix(sheet.bright, WHITE, 0.3), opacity=0.13) as pen:
        for _ in range(7):
            _beam(pen, (x, y), aim + pick.uniform(-0.42, 0.42), pick.uniform(0.008, 0.04))
    sheet.glow(x, y, 62, mix(sheet.bright, WHITE, 0.45), 0.95)
    _dust(sheet, (x, y), aim)


def _dust(sheet: Sheet, source: Point, aim: float) -> None:
    pick = sheet.random
    for _ in range(5):
        reach, turn = pick.uniform(45, 140), aim + pick.uniform(-0.4, 0.4)
        with sheet.layer(
            pick.choice([sheet.bright, mix(sheet.bright, WHITE, 0.5)]), opacity=pick.uniform(0.12, 0.3)
        ) as pen:
            pen.disc(source[0] + reach * math.cos(turn), source[1] + reach * math.sin(turn), pick.uniform(2.5, 9))
    with sheet.layer(mix(sheet.bright, WHITE, 0.55), opacity=0.75) as pen:
        for _ in range(110):
            reach, turn = pick.uniform(15, 170), aim + pick.gauss(0, 0.24)
            pen.disc(
                source[0] + reach * math.cos(turn), source[1] + reach * math.sin(turn), 0.12 + 0.45 * pick.random() ** 3
            )


def _beam(pen: Pen, source: Point, angle: float, spread: float) -> None:
    far = [(source[0] + 260 * math.cos(a), source[1] + 260 * math.sin(a)) for a in (angle - spread, angle + spread)]
    pen.polygon([source, *far])


def _film_strip(sheet: Sheet, place: float, angle: float) -> None:
    cos, sin = math.cos(angle), math.sin(angle)
    middle = (sheet.width * place, 50)

    def box(along: float, across: float, length: float, height: float) -> list[Point]:
        corners = [
            (along, across),
            (along + length, across),
            (along + length, across + height),
            (along, across + height),
        ]
        return [(middle[0] + a * cos - b * sin, middle[1] + a * sin + b * cos) for a, b in corners]

    celluloid = mix(sheet.dark, (0, 0, 0), 0.45)
    with sheet.layer((mix(celluloid, sheet.middle, 0.12), celluloid), shadow=3) as pen:
        pen.polygon(box(-160, -21, 320, 42))
        for step in range(-36, 36):
            for edge in (-19.2, 16):
                pen.polygon(box(step * 4.4, edge, 2.4, 3.2), 0)
    picture = (mix(sheet.bright, WHITE, 0.2), mix(sheet.middle, sheet.bright, 0.5), sheet.middle)
    with sheet.layer(picture, angle=sheet.random.uniform(0, 360)) as pen:
        for step in range(-6, 6):
            pen.polygon(box(step * 26.4 + 1, -14, 24.4, 28))


def hills(sheet: Sheet) -> None:
    """Ridges in the mist under a large sun, with a few birds."""
    pick = sheet.random
    dawn = pick.random() < 0.65
    sky = (mix(sheet.bright, WHITE, 0.7), sheet.bright) if dawn else (sheet.dark, mix(sheet.middle, sheet.bright, 0.5))
    sheet.background(sky)
    x, y, radius = pick.uniform(0.2, 0.8) * sheet.width, pick.uniform(24, 40), pick.uniform(9, 16)
    sheet.glow(x, y, radius * 4, WHITE if dawn else sheet.bright, 0.7)
    with sheet.layer(mix(sheet.bright, WHITE, 0.85 if dawn else 0.6)) as pen:
        pen.disc(x, y, radius)
    with sheet.layer(sheet.dark if dawn else mix(sheet.bright, WHITE, 0.5), opacity=0.85) as pen:
        flock = (pick.uniform(0.15, 0.8) * sheet.width, pick.uniform(12, 30))
        for _ in range(pick.randint(3, 6)):
            _bird(pen, flock[0] + pick.uniform(-14, 14), flock[1] + pick.uniform(-7, 7), pick.uniform(1.4, 2.6))
    wooded = pick.sample(range(1, 6), pick.choice([1, 2, 2]))
    for step in range(6):
        far = 1 - step / 5
        tone = mix(mix(sheet.dark, sheet.middle, min(1, 0.15 + far)), sky[1], far * 0.62)
        with sheet.layer((mix(tone, sky[1], 0.25), tone, mix(tone, sheet.dark, 0.25)), shadow=1.6) as pen:
            ridge = _ridge(sheet, 44 + step * 10, 5 + 4 * far)
            pen.polygon([(0, 102), *ridge, (sheet.width, 102)])
            if step in wooded:
                _trees(sheet, pen, ridge, 3 + step)


def _ridge(sheet: Sheet, level: float, height: float) -> list[Point]:
    pick = sheet.random
    swings = [(pick.uniform(0.5, 1.3) * k, pick.uniform(0, 6.3), height / k) for k in (1, 2.3, 5.1)]
    line = []
    for step in range(97):
        share = step / 96
        rise = sum(swing * math.sin(2 * math.pi * turns * share + phase) for turns, phase, swing in swings)
        line.append((share * sheet.width, level + rise))
    return line


def _trees(sheet: Sheet, pen: Pen, ridge: list[Point], size: float) -> None:
    pick = sheet.random
    start, end = sorted(pick.sample(range(0, len(ridge), 8), 2))
    for x, y in ridge[start : end + 8]:
        if pick.random() < 0.7:
            tall = size * pick.uniform(0.7, 1.3)
            x += pick.uniform(-1, 1)
            for tier in range(3):
                top, wide = y + 1 - tall * (1 - tier * 0.26), tall * (0.16 + 0.07 * tier)
                pen.polygon([(x, top), (x + wide, top + tall * 0.42), (x - wide, top + tall * 0.42)])


def _bird(pen: Pen, x: float, y: float, span: float) -> None:
    left = [(x - span * t / 8, y - span * 0.55 * math.sin(math.pi * t / 8 * 0.8)) for t in range(8, -1, -1)]
    right = [(2 * x - px, py) for px, py in reversed(left)]
    pen.polyline(left + right, 0.4)
