"""Glasses drawn on a face that wears none, with what they cover: what the network learns from, and is measured on.

Nothing here is a photograph but the face itself. A pair of glasses is a flat, slightly bent front before the eyes and
two temples that run to the ears, turned as the landmarks say that the head is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, RgbImage
from mien_masker_glasses.cut import EyeFrame, eye_frame

Picture = NDArray[np.float32]
"""float32 (H, W, 3), RGB in [0, 255]."""
Alpha = NDArray[np.float32]
"""float32 (H, W) in [0, 1]."""

_EARS_BEHIND, _FRONT = 0.9, 0.2
"""How far the ends of the jaw's outline lie behind the eyes, and the glasses before them, in distances of the eyes."""
_COLORS = (
    (12, 12, 14), (25, 22, 22), (45, 30, 22), (80, 52, 34), (120, 75, 45), (60, 62, 66), (24, 34, 60), (90, 25, 30),
    (150, 40, 40), (40, 80, 130), (50, 90, 60), (110, 60, 120), (230, 228, 222), (200, 160, 120), (220, 120, 50),
)  # fmt: skip
_METALS = ((190, 190, 195), (150, 150, 155), (95, 95, 100), (205, 170, 100), (175, 135, 75), (190, 140, 120))
_HAIR = ((30, 24, 20), (60, 42, 30), (95, 66, 44), (150, 110, 70), (205, 170, 120), (160, 160, 160), (120, 60, 35))


@dataclass(frozen=True, slots=True)
class Worn:
    """A face with glasses."""

    image: RgbImage
    """uint8 (H, W, 3)."""
    alpha: Alpha
    """How much of each pixel is rim, bridge, temple or an opaque lens."""


@dataclass(slots=True)
class _Canvas:
    """A face that glasses are laid upon."""

    image: Picture
    alpha: Alpha
    frame: EyeFrame
    ears: NDArray[Any]
    sine: float
    """Of the angle by which the head is turned."""
    random: Generator

    @property
    def unit(self) -> float:
        return self.frame.unit

    def blank(self) -> Alpha:
        return np.zeros(self.alpha.shape, np.float32)

    def at(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """(n, 2), right and down from between the eyes, on the front of the glasses → pixels."""
        x, y = np.asarray(points, np.float64).T
        depth = _FRONT - 0.1 * x**2
        turned = x * np.sqrt(1 - self.sine**2) + depth * self.sine
        along, down = self.frame.right, np.array([-self.frame.right[1], self.frame.right[0]])
        pixels: NDArray[np.float64] = self.frame.middle + self.unit * (turned[:, None] * along + y[:, None] * down)
        return pixels

    def lay(self, alpha: Alpha, color: Picture, covers: Alpha | None = None) -> None:
        """covers: what of it counts as covered; None: as much as is seen of it."""
        covers = alpha if covers is None else covers
        self.image += (color - self.image) * alpha[..., None]
        self.alpha = self.alpha + covers - self.alpha * covers


@dataclass(frozen=True, slots=True)
class _Shape:
    """One lens, as seen by the left eye of the picture, mirrored; in distances of the eyes."""

    width: float
    """Half of it."""
    height: float
    center: NDArray[np.float64]
    outline: NDArray[np.float64]
    """(n, 2), outwards and down from the center."""
    ways: NDArray[np.float64]
    """(n, 2): outwards of the lens, of length 1."""


def wear(image: RgbImage, landmarks: Landmarks, random: Generator, kind: str | None = None) -> Worn:
    """Draw glasses on a face. kind: one of `KINDS`; None: any, by chance.

    image: uint8 (H, W, 3). landmarks: float32 (68, 2) in its pixels. The same generator's state gives the same picture.
    """
    names = list(KINDS)
    weights = np.array([KINDS[name][1] for name in names])
    kind = kind or str(random.choice(names, p=weights / weights.sum()))
    frame = eye_frame(landmarks)
    ears = landmarks[[0, 16]].astype(np.float64)
    aside = float((ears.mean(0) - frame.middle) @ frame.right) / frame.unit
    canvas = _Canvas(
        image.astype(np.float32),
        np.zeros(image.shape[:2], np.float32),
        frame,
        ears,
        float(np.clip(-aside / _EARS_BEHIND, -0.85, 0.85)),
        random,
    )
    KINDS[kind][0](canvas)
    return Worn(np.clip(np.rint(canvas.image), 0, 255).astype(np.uint8), np.clip(canvas.alpha, 0, 1))


def _full(canvas: _Canvas) -> None:
    """Rims all around, of plastic or metal."""
    _draw(canvas, _lens(canvas), rim="full", opaque=False)


def _half(canvas: _Canvas) -> None:
    """A rim above or below; the other half is held by a thread."""
    _draw(canvas, _lens(canvas), rim="half", opaque=False)


def _rimless(canvas: _Canvas) -> None:
    """Bare lenses, whose edges shine."""
    _draw(canvas, _lens(canvas), rim="none", opaque=False)


def _dark(canvas: _Canvas) -> None:
    """Sunglasses."""
    _draw(canvas, _lens(canvas), rim=str(canvas.random.choice(["full", "full", "half", "none"])), opaque=True)


KINDS: dict[str, tuple[Callable[[_Canvas], None], float]] = {
    "full": (_full, 6.0),
    "half": (_half, 1.2),
    "rimless": (_rimless, 0.8),
    "dark": (_dark, 1.0),
}
"""What can be drawn, and how often."""


def _lens(canvas: _Canvas) -> _Shape:
    random = canvas.random
    style = random.choice(["round", "square", "wide", "aviator", "cat", "any"])
    width, height = random.uniform(0.33, 0.5), random.uniform(0.24, 0.44)
    power, taper, lift, droop = random.uniform(2, 4.5), random.uniform(-0.04, 0.16), 0.0, 0.0
    if style == "round":
        height = width * random.uniform(0.88, 1.05)
        power, taper = random.uniform(1.95, 2.4), 0.0
    elif style == "square":
        height, power = width * random.uniform(0.75, 0.95), random.uniform(3, 6)
    elif style == "wide":
        height, power = width * random.uniform(0.45, 0.7), random.uniform(2.6, 6)
    elif style == "aviator":
        width, height = random.uniform(0.42, 0.54), random.uniform(0.36, 0.48)
        power, taper, droop = random.uniform(2.2, 3), random.uniform(0.1, 0.25), random.uniform(0.02, 0.1)
    elif style == "cat":
        lift = random.uniform(0.04, 0.16)
    gap = random.uniform(0.16, 0.36)
    turns = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    cosine, sine = np.cos(turns), np.sin(turns)
    out = width * np.sign(cosine) * np.abs(cosine) ** (2 / power)
    down = height * np.sign(sine) * np.abs(sine) ** (2 / power)
    out = out * (1 - taper * down / height) + droop * np.clip(down / height, 0, 1)
    down = down - lift * np.clip(out / width, 0, 1) ** 2 * (1 - np.clip(down / height, 0, 1))
    outline = np.stack([out, down], 1)
    tangent = np.roll(outline, -1, 0) - np.roll(outline, 1, 0)
    ways = np.stack([tangent[:, 1], -tangent[:, 0]], 1)
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-6)
    slid = random.uniform(0.12, 0.45) if random.random() < 0.15 else random.uniform(-0.04, 0.12)
    center = np.array([width + gap / 2, slid + random.uniform(-0.03, 0.06)])
    return _Shape(width, height, center, outline, ways)


def _draw(canvas: _Canvas, lens: _Shape, *, rim: str, opaque: bool) -> None:
    random, unit = canvas.random, canvas.unit
    tilt = random.normal(0, 0.025)
    metal = random.random() < (0.4 if rim == "full" else 0.7)
    thick = float(np.exp(random.uniform(*np.log((0.018, 0.045) if metal else (0.03, 0.1)))))
    above = random.uniform(1.0, 1.15) if metal else random.uniform(1.0, 1.9)
    below = random.random() < 0.06  # half rims that hold the lens from below
    glass, front, thread = canvas.blank(), canvas.blank(), canvas.blank()
    sides: list[tuple[float, NDArray[np.float64]]] = []
    for side in (-1.0, 1.0):

        def place(points: NDArray[Any], side: float = side) -> NDArray[np.float64]:
            whole = (np.asarray(points, np.float64) + lens.center) * (side, 1)
            whole[:, 1] += tilt * whole[:, 0]
            return canvas.at(whole)

        high = np.clip(-lens.outline[:, 1] / lens.height, 0, 1)
        width = thick * (1 + (above - 1) * high)
        if rim == "none":
            width = np.full_like(width, random.uniform(0.008, 0.02))
        inner = _filled(canvas, place(lens.outline))
        outer = _filled(canvas, place(lens.outline + lens.ways * width[:, None]))
        ring = np.clip(outer - inner, 0, 1)
        glass = np.maximum(glass, inner)
        if rim == "half":
            fine = np.clip(_filled(canvas, place(lens.outline + lens.ways * 0.014)) - inner, 0, 1)
            cut = random.uniform(-0.35, 0.4)
            kept = np.array([[-9, 9 if below else -9], [9, 9 if below else -9], [9, cut], [-9, cut]], np.float64)
            area = _filled(canvas, place(kept * (1, lens.height)))
            front = np.maximum(front, ring * area)
            thread = np.maximum(thread, fine * (1 - area))
        elif rim == "none":
            thread = np.maximum(thread, ring)
        else:
            front = np.maximum(front, ring)
        # The piece between lens and hinge, and where the hinge is.
        height = random.uniform(-0.75, 0.0) * lens.height if side < 0 else sides[0][0]
        reach = float(np.interp(height, *_sorted(lens.outline, outer_side=True)))
        hinge = np.array([reach + thick * 0.5 + 0.05, height])
        end = np.array([[reach, height], hinge])
        _stroke(front, place(end), max(thick * 1.3, 0.035) * unit)
        sides.append((height, place(hinge[None])[0]))
    _bridge(canvas, lens, front, thick, metal=metal, tilt=tilt)
    temples = _temples(canvas, [at for _, at in sides], thick)
    _refract(canvas, glass)
    _shadow(canvas, np.maximum(front, temples))
    pattern = _material(canvas, metal)
    if opaque:
        _tint(canvas, glass)
    else:
        _reflect(canvas, glass)
    if rim != "full":
        seen = random.uniform(0.3, 0.8)
        edge = np.full(3, random.uniform(150, 255)) if random.random() < 0.65 else np.full(3, random.uniform(20, 90))
        canvas.lay(thread * seen, np.broadcast_to(edge.astype(np.float32), canvas.image.shape), thread)
    body = np.maximum(front, temples)
    see_through = not metal and random.random() < 0.16
    shade = _bevelled(canvas, body, pattern, metal=metal)
    if see_through:
        kernel = np.ones((3, 3), np.uint8)
        edge_of = np.clip(body - cv2.erode(body, kernel), 0, 1)
        base = random.uniform(0.2, 0.6)
        pale = np.array([1.0, 1.0, 1.0]) * random.uniform(150, 240) + random.normal(0, 15, 3)
        color = shade * 0.25 + pale.astype(np.float32) * 0.75
        canvas.lay(body * np.clip(base + 0.5 * edge_of, 0, 1), color, body)
        return
    canvas.lay(body, shade)


def _sorted(outline: NDArray[np.float64], *, outer_side: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights in order, and how far the lens reaches there."""
    part = outline[outline[:, 0] > 0] if outer_side else outline[outline[:, 0] < 0]
    order = np.argsort(part[:, 1])
    return part[order, 1], part[order, 0]


def _bridge(canvas: _Canvas, lens: _Shape, front: Alpha, thick: float, *, metal: bool, tilt: float) -> None:
    random, unit = canvas.random, canvas.unit
    heights, reach = _sorted(lens.outline, outer_side=False)

    def bar(height: float, arch: float, width: float) -> None:
        x = lens.center[0] + float(np.interp(height, heights, reach)) + 0.01
        share = np.linspace(-1, 1, 15)
        y = lens.center[1] + height - arch * (1 - share**2)
        points = np.stack([share * x, y + tilt * share * x], 1)
        _stroke(front, canvas.at(points), width * unit)

    height = random.uniform(-0.55, 0.1) * lens.height
    bar(height, random.uniform(-0.01, 0.12), max(thick * random.uniform(0.8, 1.5), 0.02))
    if random.random() < 0.2:
        bar(-random.uniform(0.75, 0.95) * lens.height, random.uniform(-0.02, 0.05), max(thick * 0.8, 0.02))
    if metal and random.random() < 0.5:  # pads on the nose
        for side in (-1, 1):
            x = side * (lens.center[0] - lens.width * 0.97)
            y = lens.center[1] + random.uniform(0.1, 0.4) * lens.height
            pad = canvas.at(np.array([[x, y], [x - side * 0.05, y + 0.05], [x - side * 0.06, y + 0.13]]))
            _stroke(front, pad, 0.022 * unit)


def _temples(canvas: _Canvas, hinges: list[NDArray[np.float64]], thick: float) -> Alpha:
    """From the hinges to the ears, as far as they are seen past the front and not under hair."""
    random, unit, temples = canvas.random, canvas.unit, canvas.blank()
    wide = max(thick * random.uniform(0.8, 1.6), 0.03) * unit
    thin = wide * random.uniform(0.6, 1.0)
    lift, covered = random.uniform(-0.16, 0.12), random.random() < 0.3
    for number, (hinge, ear) in enumerate(zip(hinges, canvas.ears, strict=True)):
        side = -1 if number == 0 else 1
        down = np.array([-canvas.frame.right[1], canvas.frame.right[0]])
        end = ear + unit * (side * random.uniform(0, 0.15) * canvas.frame.right)
        end = end + down * ((canvas.frame.middle - end) @ down + lift * unit + 0.05 * unit)
        if float((end - hinge) @ canvas.frame.right) * side < 0.03 * unit:
            continue  # behind the front
        if covered:
            end = hinge + (end - hinge) * random.uniform(0.2, 0.9)
        across = down / 2
        band = np.array([hinge - across * wide, end - across * thin, end + across * thin, hinge + across * wide])
        temples = np.maximum(temples, _filled(canvas, band))
    return temples


def _refract(canvas: _Canvas, glass: Alpha) -> None:
    """What lies behind the lenses, larger or smaller."""
    random = canvas.random
    if random.random() > 0.5:
        return
    scale = 1 / (1 + random.normal(0, 0.045))
    height, width = glass.shape
    result = canvas.image.copy()
    for x in (-0.52, 0.52):
        (center,) = canvas.at(np.array([[x, 0.05]]))
        matrix = np.array([[scale, 0, center[0] * (1 - scale)], [0, scale, center[1] * (1 - scale)]])
        other = cv2.warpAffine(canvas.image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        near = np.arange(width) < canvas.frame.middle[0] if x < 0 else np.arange(width) >= canvas.frame.middle[0]
        result += (other - result) * (glass * near)[..., None]
    canvas.image = result


def _shadow(canvas: _Canvas, form: Alpha) -> None:
    random, unit = canvas.random, canvas.unit
    if random.random() < 0.15:
        return
    shift = np.array([[1, 0, random.normal(0, 0.05) * unit], [0, 1, random.uniform(0.01, 0.14) * unit]])
    height, width = form.shape
    cast_shadow = cv2.warpAffine(form, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    cast_shadow = cv2.GaussianBlur(cast_shadow, (0, 0), max(random.uniform(0.01, 0.06) * unit, 0.5))
    canvas.image *= (1 - random.uniform(0.08, 0.5) * cast_shadow)[..., None]


def _tint(canvas: _Canvas, glass: Alpha) -> None:
    """Lenses that nothing is seen through."""
    random = canvas.random
    base = np.array(_COLORS[random.integers(8)]) * random.uniform(0.3, 1.0)
    if random.random() < 0.15:
        base = random.uniform(20, 160, 3)  # mirrored
    height, width = glass.shape
    light = np.linspace(random.uniform(-10, 60), random.uniform(-10, 60), height, dtype=np.float32)[:, None]
    shade = base.astype(np.float32) + light[..., None] + 10 * _clouds(canvas, 5)[..., None]
    opaque = random.uniform(0.88, 1.0)
    canvas.lay(glass * opaque, np.clip(np.broadcast_to(shade, (height, width, 3)), 0, 255).astype(np.float32), glass)
    if random.random() < 0.6:
        _reflect(canvas, glass, at_least=0.2)


def _reflect(canvas: _Canvas, glass: Alpha, at_least: float = 0.0) -> None:
    """Light on clear lenses: a tint, windows, stripes. It does not count as covered."""
    random, unit = canvas.random, canvas.unit
    if random.random() < 0.35:
        tint = random.uniform(30, 255, 3).astype(np.float32)
        canvas.image += (tint - canvas.image) * (glass * random.uniform(0.03, 0.3))[..., None]
    if not at_least and random.random() < 0.25:  # tinted, often more so above, and still clear
        tint = np.array(_COLORS[random.integers(len(_COLORS))], np.float32)
        above, below = random.uniform(0.15, 0.6), random.uniform(0.0, 0.6)
        rows = (np.arange(len(glass)) - canvas.frame.middle[1]) / unit
        share = np.interp(rows, (-0.35, 0.5), (above, below)).astype(np.float32)
        canvas.image += (tint - canvas.image) * (glass * share[:, None])[..., None]
    for _ in range(random.integers(0, 3) if not at_least else 1):
        form = canvas.blank()
        x, y = random.choice([-0.52, 0.52]) + random.normal(0, 0.2), random.normal(0.05, 0.15)
        size = random.uniform(0.04, 0.4, 2)
        if random.random() < 0.5:
            lean = random.normal(0, 0.3)
            corners = np.array([[-1, -1], [1, -1], [1 + lean, 1], [-1 + lean, 1]]) * size / 2 + (x, y)
            form = _filled(canvas, canvas.at(corners))
        else:
            (center,) = canvas.at(np.array([[x, y]]))
            axes = tuple(int(max(value * unit * 8, 1)) for value in size)
            angle = float(random.uniform(0, 180))
            where = cast(Any, tuple(int(value * 16) for value in center))
            cv2.ellipse(form, where, cast(Any, axes), angle, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
        form = cv2.GaussianBlur(form, (0, 0), max(random.uniform(0.004, 0.08) * unit, 0.4)) * glass
        light = np.clip(random.uniform(170, 255) + random.normal(0, 25, 3), 0, 255).astype(np.float32)
        canvas.image += (light - canvas.image) * (form * random.uniform(max(0.05, at_least), 0.6))[..., None]


def _material(canvas: _Canvas, metal: bool) -> Picture:
    """The color of the frame, at every pixel."""
    random = canvas.random
    height, width = canvas.alpha.shape
    choice = random.random()
    if metal and choice < 0.75:
        base = np.array(_METALS[random.integers(len(_METALS))]) * random.uniform(0.5, 1.15)
    elif choice < 0.5:
        base = np.array(_COLORS[random.integers(4)]) * random.uniform(0.4, 1.2)
    elif choice < 0.9:
        base = np.array(_COLORS[random.integers(len(_COLORS))]) * random.uniform(0.6, 1.2)
    else:
        base = random.uniform(0, 255, 3)
    color = np.broadcast_to(base.astype(np.float32), (height, width, 3))
    if not metal and random.random() < 0.25:  # tortoise, and other patterns
        other = np.array((150, 90, 40)) if random.random() < 0.6 else random.uniform(0, 255, 3)
        share = 1 / (1 + np.exp(-3 * _clouds(canvas, int(random.integers(12, 40)))))
        color = color + share[..., None] * (other.astype(np.float32) - color)
    if random.random() < 0.3:  # another color below than above
        other = random.uniform(0, 255, 3).astype(np.float32) if random.random() < 0.5 else base * 2.2
        rows = (np.arange(height) - canvas.frame.middle[1]) / canvas.unit
        share = 1 / (1 + np.exp(-(rows - 0.05) * random.uniform(4, 30)))
        color = color + share[:, None, None] * (np.asarray(other, np.float32) - color)
    return np.asarray(color, np.float32)


def _bevelled(canvas: _Canvas, body: Alpha, color: Picture, *, metal: bool) -> Picture:
    """The color with the light that falls on a rounded rim, and the room's light, which is not the same everywhere."""
    random, unit = canvas.random, canvas.unit
    soft = cv2.GaussianBlur(body, (0, 0), max(random.uniform(0.008, 0.02) * unit, 0.5))
    angle = random.uniform(-np.pi, 0)
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) * np.cos(angle) + cv2.Sobel(soft, cv2.CV_32F, 0, 1) * np.sin(angle)
    slope = slope / max(float(np.abs(slope).max()), 1e-6)
    patches = np.clip(_clouds(canvas, 8), 0, None)
    strength = random.uniform(30, 170) if metal else random.uniform(0, 90)
    shine = np.clip(-slope, 0, 1) * strength * (0.3 + patches) - np.clip(slope, 0, 1) * random.uniform(0, 60)
    lit = color * (1 + 0.18 * _clouds(canvas, 4))[..., None] + shine[..., None]
    # The room is no lighter than the face.
    level = float(np.percentile(canvas.image, 97)) / 255
    if random.random() < 0.7:
        lit = lit * min(level + 0.25, 1.1)
    return np.asarray(np.clip(lit, 0, 255), np.float32)


def _clouds(canvas: _Canvas, count: int) -> Alpha:
    """Smooth noise about 0, so many hills across."""
    height, width = canvas.alpha.shape
    coarse = canvas.random.normal(0, 1, (max(count * height // width, 2), count)).astype(np.float32)
    return cast(Alpha, cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def _filled(canvas: _Canvas, points: NDArray[Any]) -> Alpha:
    plane = canvas.blank()
    cv2.fillPoly(plane, [_fixed(points)], 1.0, cv2.LINE_AA, 4)
    return plane


def _stroke(plane: Alpha, points: NDArray[Any], width: float) -> None:
    cv2.polylines(plane, [_fixed(points)], False, 1.0, max(round(width), 1), cv2.LINE_AA, 4)


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    far = 2**14  # OpenCV counts in 16 bits and a fraction
    return np.asarray(np.rint(np.clip(points, -far, far) * 16), np.int32)


def age(image: RgbImage, landmarks: Landmarks, random: Generator) -> RgbImage:
    """The face with what may be taken for glasses, behind them: bushy brows, folds, bags and rings under the eyes.

    image: uint8 (H, W, 3). landmarks: float32 (68, 2) in its pixels.
    """
    frame = eye_frame(landmarks)
    height, width = image.shape[:2]
    value, unit = image.astype(np.float32), frame.unit
    if random.random() < 0.35:
        hair = np.zeros((height, width), np.float32)
        lift, thick = random.normal(0, 0.04) * unit, unit * random.uniform(0.05, 0.16)
        for brow in (landmarks[17:22], landmarks[22:27]):
            for _ in range(random.integers(3, 12)):
                at = brow + random.normal(0, 0.25 * thick, 2) + (0, lift)
                _stroke(hair, at + random.normal(0, 0.01 * unit, at.shape), thick * random.uniform(0.15, 0.7))
        hair = cv2.GaussianBlur(hair, (0, 0), unit * random.uniform(0.006, 0.03)) * random.uniform(0.3, 0.95)
        color = np.array(_HAIR[random.integers(len(_HAIR))]) * random.uniform(0.4, 1.0)
        value += (color.astype(np.float32) - value) * hair[..., None]
    if random.random() < 0.4:  # soft, and dark or light
        lines = np.zeros((height, width), np.float32)
        for _ in range(random.integers(1, 5)):
            eye = frame.middle + frame.right * unit * random.choice([-0.5, 0.5])
            start = random.uniform(0, 360)
            axes = (int(unit * random.uniform(2, 8)), int(unit * random.uniform(1, 7)))
            center = cast(Any, tuple(int(value) for value in (eye + random.normal(0, 0.12, 2) * unit) * 16))
            thick = max(round(unit * random.uniform(0.01, 0.05)), 1)
            span = random.uniform(20, 140)
            cv2.ellipse(lines, center, axes, 0, start, start + span, 1.0, thick, cv2.LINE_AA, 4)
        soft: NDArray[Any] = cv2.GaussianBlur(lines, (0, 0), unit * random.uniform(0.02, 0.08))
        soft *= random.uniform(0.1, 0.5) / max(float(soft.max()), 1e-6)
        value *= (1 - soft * (1 if random.random() < 0.75 else -0.5))[..., None]
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)


def disturb(image: RgbImage, alpha: Alpha, landmarks: Landmarks, random: Generator) -> Worn:
    """What may hang over a face with or without glasses: strands of hair, the brim of a hat, a fringe.

    image: uint8 (H, W, 3); alpha: float32 (H, W), what of it is glasses: none of it where something hangs over them.
    """
    frame = eye_frame(landmarks)
    height, width = alpha.shape
    value, unit = image.astype(np.float32), frame.unit
    if random.random() < 0.3:  # strands of hair
        color = np.array(_HAIR[random.integers(len(_HAIR))]) * random.uniform(0.5, 1.2)
        strands = np.zeros((height, width), np.float32)
        root = np.array([random.uniform(0, width), random.uniform(-0.5, 0.2) * height])
        for _ in range(random.integers(1, 14)):
            start_at = root + random.normal(0, 0.1 * unit, 2)
            way = np.array([random.normal(0, 0.5), 1.0]) * height * random.uniform(0.5, 1.6)
            bend = np.array([random.normal(0, 0.3 * unit), 0])
            share = np.linspace(0, 1, 16)[:, None]
            points = start_at + share * way + 4 * share * (1 - share) * bend
            _stroke(strands, points, max(unit * random.uniform(0.006, 0.03), 1))
        strands *= random.uniform(0.5, 1.0)
        value += (color.astype(np.float32) - value) * strands[..., None]
        alpha = np.asarray(alpha * (1 - strands), np.float32)
    if random.random() < 0.12:  # the brim of a hat, a band, a fringe
        color = np.array(_HAIR[random.integers(len(_HAIR))]) * random.uniform(0.3, 2)
        line = frame.middle[1] - unit * random.uniform(0.25, 0.6)
        rows = np.clip((line + unit * 0.1 * np.sin(np.linspace(0, random.uniform(1, 9), width)))[None], 0, None)
        band = np.clip(rows - np.arange(height)[:, None], 0, 1).astype(np.float32)
        value += (color.astype(np.float32) - value) * band[..., None]
        alpha = np.asarray(alpha * (1 - band), np.float32)
    return Worn(np.clip(np.rint(value), 0, 255).astype(np.uint8), alpha)
