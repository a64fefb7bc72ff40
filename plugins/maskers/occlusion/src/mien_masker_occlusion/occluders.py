"""Things drawn in front of a face, with what they hide: what the network learns from, and what it is measured on.

Nothing here is a photograph but the face itself: hands are chains of rounded bones in the color of skin, hair is
bundles of curves, and so on. Where a clean picture may show hair or glasses of its own, its labels are left open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mien.contracts.face import Landmarks, RgbImage

Picture = NDArray[np.float32]
"""float32 (S, S, 3), RGB in [0, 255]."""
Alpha = NDArray[np.float32]
"""float32 (S, S) in [0, 1]: 1 is hidden."""

_HAIR = ((30, 24, 20), (60, 42, 30), (95, 66, 44), (150, 110, 70), (205, 170, 120), (160, 160, 160), (120, 60, 35))
_CLOTH = ((240, 240, 240), (25, 25, 28), (120, 170, 205), (60, 90, 150), (190, 60, 60), (90, 120, 90), (215, 200, 180))
_SKIN = ((70, 46, 36), (120, 82, 62), (165, 120, 95), (205, 160, 135), (232, 195, 172), (222, 175, 150))
_SHADOW = 0.35


@dataclass(frozen=True, slots=True)
class Occluded:
    """A face with something in front of it."""

    image: RgbImage
    """uint8 (S, S, 3)."""
    alpha: Alpha
    """How much of each pixel is hidden."""


@dataclass(slots=True)
class _Canvas:
    """A face that things are laid upon."""

    image: Picture
    landmarks: Landmarks
    alpha: Alpha
    random: Generator

    @property
    def size(self) -> int:
        return int(self.alpha.shape[0])

    @property
    def unit(self) -> float:
        """The distance between the eyes, in pixels."""
        return max(float(np.linalg.norm(self.landmarks[42:48].mean(0) - self.landmarks[36:42].mean(0))), 1.0)

    def blank(self) -> Alpha:
        return np.zeros((self.size, self.size), np.float32)

    def lay(self, alpha: Alpha, color: Picture, *, shadow: float = 0.0) -> None:
        """Lay something over all that is there, with its shadow on what lies below."""
        if shadow > 0:
            spread = cv2.GaussianBlur(alpha, (0, 0), max(0.08 * self.unit, 0.8))
            self.image *= (1 - shadow * spread * (1 - alpha))[..., None]
        self.image += (color - self.image) * alpha[..., None]
        self.alpha = self.alpha + alpha - self.alpha * alpha


def occlude(image: RgbImage, landmarks: Landmarks, random: Generator, kind: str | None = None) -> Occluded:
    """Draw something in front of a face. kind: one of `KINDS`; None: any, by chance.

    image: uint8 (S, S, 3), the face aligned. landmarks: float32 (68, 2) in its pixels. The same generator's state gives
    the same picture.
    """
    names = list(KINDS)
    weights = np.array([KINDS[name][1] for name in names])
    kind = kind or str(random.choice(names, p=weights / weights.sum()))
    size = image.shape[0]
    canvas = _Canvas(image.astype(np.float32), landmarks, np.zeros((size, size), np.float32), random)
    KINDS[kind][0](canvas)
    return Occluded(np.clip(np.rint(canvas.image), 0, 255).astype(np.uint8), np.clip(canvas.alpha, 0, 1))


def _hand(canvas: _Canvas) -> None:
    """A palm and some fingers, from a side or from below, in the color of this skin or of another."""
    random, unit = canvas.random, canvas.unit
    target = canvas.landmarks[random.choice([2, 5, 8, 11, 14, 30, 33, 51, 57, 48, 54, 36, 45, 19, 24])]
    target = target + random.normal(0, 0.25 * unit, 2)
    angle = random.uniform(-np.pi, np.pi) if random.random() < 0.3 else np.pi / 2 + random.normal(0, 0.7)
    inwards = -np.array([np.cos(angle), np.sin(angle)])  # where the fingers point; from below more often than not
    across = np.array([-inwards[1], inwards[0]])
    width = unit * random.uniform(0.22, 0.36)
    palm_width = width * random.uniform(3.2, 4.2)
    length = palm_width * random.uniform(0.75, 1.1)
    knuckles = target - inwards * length * random.uniform(0.0, 0.7)
    base = _skin_color(canvas)
    texture = _grain(canvas, base, random.uniform(2, 7), unit)
    wrist = knuckles - inwards * palm_width * random.uniform(0.8, 1.1)
    arm = wrist - inwards * 4 * unit
    corner = 0.36 * palm_width
    palm = np.array(
        [
            knuckles - across * corner * 1.15,
            knuckles + across * corner * 1.15,
            wrist + across * corner,
            wrist - across * corner,
        ]
    )
    fist = random.random() < 0.25
    thumb_side = random.choice([-1.0, 1.0])
    spread = random.uniform(0.0, 0.35)
    curl = random.normal(0, 0.25)
    chains: list[NDArray[Any]] = []
    thumb = wrist + across * thumb_side * corner
    chains.append(
        _chain(
            thumb,
            inwards + across * thumb_side * random.uniform(0.2, 1.4),
            (length * 0.55, length * 0.4),
            thumb_side * -curl,
        )
    )
    for number in range(4):
        offset = (number - 1.5) / 1.5
        root = knuckles + across * offset * corner * 1.05
        reach = length * (0.45 if fist else 1.0) * (1.0, 1.08, 1.02, 0.82)[number] * random.uniform(0.9, 1.05)
        if not fist and random.random() < 0.12:
            reach *= 0.45
        way = inwards + across * offset * spread
        chains.append(_chain(root, way, (reach * 0.42, reach * 0.32, reach * 0.26), curl + random.normal(0, 0.08)))
    flat = canvas.blank()
    cv2.fillConvexPoly(flat, _fixed(palm), 1.0, cv2.LINE_AA, 4)
    _capsule(flat, np.array([wrist, arm]), 0.62 * palm_width)
    sleeve = random.random() < 0.4
    canvas.lay(flat, _rounded(flat, texture, unit), shadow=_SHADOW)
    if sleeve:
        cloth = canvas.blank()
        _capsule(cloth, np.array([wrist - inwards * 0.3 * palm_width, arm]), 0.85 * palm_width)
        canvas.lay(cloth, _rounded(cloth, _cloth(canvas), unit), shadow=0.2)
    order = random.permutation(len(chains))
    for number in order:
        finger = canvas.blank()
        thick = width * (1.15 if number == 0 else (1.0, 1.0, 0.97, 0.85)[number - 1])
        _capsule(finger, chains[number], thick)
        shade = _rounded(finger, texture, unit)
        _creases(canvas, shade, chains[number], thick, base)
        canvas.lay(finger, shade, shadow=_SHADOW)


def _chain(root: NDArray[Any], way: NDArray[Any], lengths: tuple[float, ...], bend: float) -> NDArray[Any]:
    points = [root]
    angle = float(np.arctan2(way[1], way[0]))
    for length in lengths:
        points.append(points[-1] + length * np.array([np.cos(angle), np.sin(angle)]))
        angle += bend
    return np.array(points)


def _creases(canvas: _Canvas, shade: Picture, chain: NDArray[Any], width: float, base: NDArray[Any]) -> None:
    """Knuckles, and a nail if the back of the hand is to be seen."""
    random = canvas.random
    lines = canvas.blank()
    for joint in chain[1:-1]:
        way = chain[-1] - chain[0]
        side = np.array([-way[1], way[0]]) / max(float(np.linalg.norm(way)), 1e-6) * width * 0.35
        for _ in range(random.integers(0, 3)):
            at = joint + random.normal(0, 0.08 * width, 2)
            _capsule(lines, np.array([at - side, at + side]), max(0.05 * width, 0.5))
    shade *= (1 - random.uniform(0.1, 0.3) * cv2.GaussianBlur(lines, (0, 0), 0.6))[..., None]
    if random.random() < 0.5:
        nail = canvas.blank()
        way = (chain[-1] - chain[-2]) / max(float(np.linalg.norm(chain[-1] - chain[-2])), 1e-6)
        at = chain[-1] + way * width * 0.12
        angle = float(np.degrees(np.arctan2(way[1], way[0])))
        axes = (max(int(width * 0.35 * 16), 1), max(int(width * 0.28 * 16), 1))
        cv2.ellipse(nail, tuple(_fixed(at[None])[0].tolist()), axes, angle, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
        painted = random.random() < 0.2
        color = np.array(_CLOTH[random.integers(len(_CLOTH))]) if painted else base * 1.05 + np.array([8, 2, 4])
        shade += (color - shade) * (0.8 * nail)[..., None]


def _hair(canvas: _Canvas) -> None:
    """Strands that hang from the forehead or from the temples over the face."""
    random = canvas.random
    fall = str(random.choice(["fringe", "temple", "loose"]))
    count = int(
        {"fringe": random.integers(60, 260), "temple": random.integers(60, 220), "loose": random.integers(1, 9)}[fall]
    )
    color = _hair_color(canvas)
    middle, lean, one_side = random.uniform(0, 1), random.normal(0, 0.5), float(random.integers(2))
    layers = 1 if fall == "loose" else 4
    for layer in range(layers):
        form, shade = canvas.blank(), np.zeros_like(canvas.image)
        for _ in range(max(count // layers, 1)):
            strand = _strand(canvas, fall, middle, lean, one_side)
            thick = max(round(canvas.unit * random.uniform(0.01, 0.05)), 1)
            cv2.polylines(form, [strand], False, 1.0, thick, cv2.LINE_AA, 4)
            light = color * random.uniform(0.6, 1.3) * (0.8 + 0.07 * layer)
            cv2.polylines(shade, [strand], False, tuple(light.tolist()), thick + 1, cv2.LINE_8, 4)
        canvas.lay(form * random.uniform(0.8, 1.0), shade, shadow=0.2)


def _strand(canvas: _Canvas, fall: str, middle: float, lean: float, one_side: float) -> NDArray[np.int32]:
    random, unit, marks = canvas.random, canvas.unit, canvas.landmarks
    over, up = marks[16] - marks[0], marks[27] - marks[8]
    if fall == "temple":
        along, height = one_side + random.normal(0, 0.05), random.uniform(0.3, 0.85)
        reach = random.uniform(1.5, 3.6) * unit
        inward = (0.5 - one_side) * 2 * (0.2 + 0.2 * lean + random.normal(0, 0.1))
    else:
        along = np.clip(middle + random.normal(0, 0.12 if fall == "loose" else 0.3), -0.05, 1.05)
        height = random.uniform(0.55, 0.95)
        reach = random.uniform(0.7, 3.0 if fall == "loose" else 1.7) * unit
        inward = lean + random.normal(0, 0.12)
    start = marks[0] + over * along + up * height
    way = -up / max(float(np.linalg.norm(up)), 1e-6) + over / max(float(np.linalg.norm(over)), 1e-6) * inward
    return _fixed(_chain(start, way, (reach / 5,) * 5, random.normal(0, 0.1)))


def _object(canvas: _Canvas) -> None:
    """Something of any form and pattern, held before the face."""
    random, unit = canvas.random, canvas.unit
    center = canvas.landmarks[random.integers(68)] + random.normal(0, 0.35 * unit, 2)
    radius = unit * random.uniform(0.25, 1.0)
    form = canvas.blank()
    corners = random.integers(3, 9)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    outline = center + radius * random.uniform(0.6, 1.3, (corners, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
    if random.random() < 0.5:
        cv2.fillPoly(form, [_fixed(outline)], 1.0, cv2.LINE_AA, 4)
    else:
        axes = tuple(max(int(16 * radius * random.uniform(0.4, 1.2)), 1) for _ in range(2))
        angle = random.uniform(0, 180)
        cv2.ellipse(
            form, tuple(_fixed(center[None])[0].tolist()), cast(Any, axes), angle, 0, 360, 1.0, -1, cv2.LINE_AA, 4
        )
    if random.random() < 0.5:  # what it hangs from, or is held by
        away = random.uniform(-np.pi, np.pi)
        end = center + 5 * unit * np.array([np.cos(away), np.sin(away)])
        _capsule(form, np.array([center, end]), unit * random.uniform(0.1, 0.6))
    pattern = _cloth(canvas) if random.random() < 0.7 else _grain(canvas, _skin_color(canvas), 6.0, unit)
    shade = _rounded(form, pattern, unit) if random.random() < 0.6 else pattern
    canvas.lay(form, shade, shadow=random.uniform(0, _SHADOW))


def _microphone(canvas: _Canvas) -> None:
    """A dark ball before the mouth, and its handle."""
    random, unit = canvas.random, canvas.unit
    center = canvas.landmarks[random.choice([57, 8, 66, 48, 54])] + random.normal(0, 0.2 * unit, 2)
    radius = unit * random.uniform(0.25, 0.5)
    way = np.pi / 2 + random.normal(0, 0.6)
    stick = canvas.blank()
    _capsule(stick, np.array([center, center + 4 * unit * np.array([np.cos(way), np.sin(way)])]), radius * 1.1)
    dark = np.array([1.0, 1.0, 1.0]) * random.uniform(10, 90)
    canvas.lay(stick, _rounded(stick, _grain(canvas, dark, 3.0, unit), unit), shadow=_SHADOW)
    ball = canvas.blank()
    cv2.circle(ball, tuple(_fixed(center[None])[0].tolist()), int(radius * 16), 1.0, -1, cv2.LINE_AA, 4)
    canvas.lay(ball, _rounded(ball, _grain(canvas, dark * random.uniform(0.6, 1.8), 14.0, unit), unit), shadow=_SHADOW)


def _face_mask(canvas: _Canvas) -> None:
    """Cloth over mouth and nose, or over the mouth alone."""
    random, marks = canvas.random, canvas.landmarks
    top = marks[random.choice([28, 29, 30, 33, 51])]
    ear = random.integers(1, 4)
    outline = np.concatenate([marks[ear : 17 - ear], top[None]])
    outline = outline + random.normal(0, 0.03 * canvas.unit, outline.shape)
    form = canvas.blank()
    cv2.fillPoly(form, [_fixed(outline)], 1.0, cv2.LINE_AA, 4)
    canvas.lay(form, _rounded(form, _cloth(canvas), canvas.unit), shadow=0.2)


def _glasses(canvas: _Canvas) -> None:
    """Rims, bridge and temples; sometimes the glass is dark."""
    random, unit, marks = canvas.random, canvas.unit, canvas.landmarks
    color = np.array(_HAIR[random.integers(len(_HAIR))]) * random.uniform(0.3, 1.3)
    thick = max(unit * random.uniform(0.03, 0.11), 1.0)
    dark = random.random() < 0.45
    form, glass = canvas.blank(), canvas.blank()
    axes = (unit * random.uniform(0.34, 0.48), unit * random.uniform(0.24, 0.4))
    squareness = random.uniform(2, 6)
    centers = [marks[36:42].mean(0), marks[42:48].mean(0)]
    level = (centers[1] - centers[0]) / unit
    drop = np.array([-level[1], level[0]]) * unit * random.uniform(0.0, 0.12)
    turns = np.linspace(0, 2 * np.pi, 48)
    bent = np.stack([np.sign(np.cos(turns)) * np.abs(np.cos(turns)) ** (2 / squareness) * axes[0],
                     np.sign(np.sin(turns)) * np.abs(np.sin(turns)) ** (2 / squareness) * axes[1]], 1)  # fmt: skip
    rims = [center + drop + bent @ np.stack([level, np.array([-level[1], level[0]])]) for center in centers]
    for rim in rims:
        cv2.fillPoly(glass, [_fixed(rim)], 1.0, cv2.LINE_AA, 4)
        cv2.polylines(form, [_fixed(rim)], True, 1.0, max(round(thick), 1), cv2.LINE_AA, 4)
    bridge = np.array([centers[0] + drop + level * axes[0], centers[1] + drop - level * axes[0]])
    cv2.polylines(form, [_fixed(bridge)], False, 1.0, max(round(thick), 1), cv2.LINE_AA, 4)
    for center, ear, way in ((centers[0], marks[0], -1), (centers[1], marks[16], 1)):
        arm = np.array([center + drop + way * level * axes[0], ear - drop * 2])
        cv2.polylines(form, [_fixed(arm)], False, 1.0, max(round(thick), 1), cv2.LINE_AA, 4)
    shade = np.broadcast_to(color.astype(np.float32), canvas.image.shape)
    if dark:
        tint = _grain(canvas, color * 0.6, 3.0, unit)
        light = np.linspace(random.uniform(-10, 30), random.uniform(-10, 60), canvas.size, dtype=np.float32)
        canvas.lay(glass * random.uniform(0.8, 1.0), np.clip(tint + light[:, None, None], 0, 255), shadow=0.1)
    canvas.lay(form, shade, shadow=0.15)


def _two(canvas: _Canvas) -> None:
    names = [name for name in KINDS if name != "two"]
    for kind in canvas.random.choice(names, 2, replace=False):
        KINDS[str(kind)][0](canvas)


KINDS: dict[str, tuple[Callable[[_Canvas], None], float]] = {
    "hand": (_hand, 4.0),
    "hair": (_hair, 2.0),
    "object": (_object, 2.0),
    "microphone": (_microphone, 0.5),
    "face_mask": (_face_mask, 0.5),
    "glasses": (_glasses, 1.0),
    "two": (_two, 1.0),
}
"""What can be drawn, and how often."""


def _skin_color(canvas: _Canvas) -> NDArray[np.float64]:
    """RGB of this face's cheeks and nose, lighter or darker, or, now and then, of anybody's skin."""
    random = canvas.random
    if random.random() < 0.25:
        return np.array(_SKIN[random.integers(len(_SKIN))], np.float64) * random.uniform(0.85, 1.1)
    at = canvas.landmarks[[29, 30, 2, 14, 31, 35]]
    at = at + (canvas.landmarks[30] - at) * 0.3
    x, y = np.clip(np.rint(at), 0, canvas.size - 1).astype(int).T
    mean = np.median(canvas.image[y, x], axis=0)
    return np.asarray(mean * random.uniform(0.75, 1.2) + random.normal(0, 5, 3), np.float64)


def _hair_color(canvas: _Canvas) -> NDArray[np.float64]:
    random = canvas.random
    if random.random() < 0.5:
        return np.array(_HAIR[random.integers(len(_HAIR))], np.float64) * random.uniform(0.7, 1.2)
    top = canvas.image[: max(canvas.size // 12, 1)]
    return np.asarray(
        top.reshape(-1, 3)[random.integers(len(top) * canvas.size)] * random.uniform(0.7, 1.1), np.float64
    )


def _cloth(canvas: _Canvas) -> Picture:
    """A color, stripes, dots, or clouds of two colors."""
    random, size = canvas.random, canvas.size
    one, other = (np.array(_CLOTH[random.integers(len(_CLOTH))]) * random.uniform(0.6, 1.1) for _ in range(2))
    if random.random() < 0.25:
        one, other = (random.uniform(0, 255, 3) for _ in range(2))
    y, x = np.mgrid[:size, :size] / canvas.unit
    angle, count = random.uniform(0, np.pi), random.uniform(2, 14)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * count)
    choice = random.random()
    share: NDArray[Any]
    if choice < 0.4:
        share = np.zeros((size, size))
    elif choice < 0.6:
        share = (wave > 0).astype(float)
    elif choice < 0.7:
        share = ((wave > 0) & (np.sin((np.cos(angle) * y - np.sin(angle) * x) * count) > 0)).astype(float)
    else:
        coarse = random.uniform(0, 1, (random.integers(3, 9),) * 2).astype(np.float32)
        share = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    pattern = (share[..., None] * (other - one)).astype(np.float32)
    return _grain(canvas, one, random.uniform(0, 8), canvas.unit) + pattern


def _grain(canvas: _Canvas, color: NDArray[Any], strength: float, unit: float) -> Picture:
    """A color with patches of light and the unevenness of skin."""
    random, size = canvas.random, canvas.size
    coarse = cv2.resize(random.normal(0, 1, (4, 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    fine: NDArray[Any] = cv2.GaussianBlur(
        random.normal(0, 1, (size, size)).astype(np.float32), (0, 0), max(0.03 * unit, 0.6)
    )
    fine = fine / max(float(fine.std()), 1e-6)
    light = 1 + 0.09 * coarse + strength / 255 * fine
    return np.asarray(np.asarray(color, np.float32) * light[..., None], np.float32)


def _rounded(alpha: Alpha, texture: Picture, unit: float) -> Picture:
    """The texture, darker towards the form's edge, as what is round looks."""
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    lit = np.sqrt(np.clip(depth / max(0.16 * unit, 1.0), 0, 1))
    return np.asarray(texture * (0.68 + 0.32 * lit)[..., None], np.float32)


def _capsule(plane: Alpha, points: NDArray[Any], width: float) -> None:
    cv2.polylines(plane, [_fixed(points)], False, 1.0, max(round(width), 1), cv2.LINE_AA, 4)
    for point in points:
        cv2.circle(plane, tuple(_fixed(point[None])[0].tolist()), max(int(width * 8), 1), 1.0, -1, cv2.LINE_AA, 4)


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    return np.asarray(np.rint(np.asarray(points) * 16), np.int32)
