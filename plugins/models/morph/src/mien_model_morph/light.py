"""The light of a scene on a face that is drawn into it."""

from functools import cache, cached_property
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE_PX = 48
"""Light is measured on small copies of this side."""
_LEAST_GAIN, _MOST_GAIN = 0.25, 1.1
"""By how much the contrast of lightness may change; in stronger light it may grow by as much more."""
_NO_CONTRAST = 0.3
"""A standard deviation of lightness that says nothing."""
_FEATURES_AS_THE_SCENE, _SKIN_AS_THE_SCENE = 0.7, 0.9
"""How far the contrast of brows, eyes and mouth, and that of folds and shadows of the skin, become the scene's: the
exponent of the ratio. With 1, dark brows would be as pale as those that they replace; with 0, a face in soft light is
drawn too hard, and looks old."""
_BROWS_AS_THE_SCENE, _PALEST = 0.7, 0.35
"""The same for how much darker than the skin brows are, apart from eyes and mouth: dark ones under fair hair look
drawn. They do not become paler than the second share of what they are,"""
_NARROWER = 0.5
"""and become so by being narrower as well, the exponent of that: averaged over several people brows are wider than any
of theirs, and a wide brow of the color of a thin one is a gray slab."""
_BROW, _DARKEST = 0.3, 97
"""What of the image is brow, and how many of a hundred of its pixels are less dark than its darkest."""
_LIGHTEST, _HIGHEST_POWER, _HALVINGS = 1e-3, 8.0, 12
_MORE_COLOR, _IF_LIGHTER = 1.0, 0.3
"""By how much a and b of a pixel may differ more from the skin's than they do in their own light; a lighter pixel, as
of teeth, by so much more of what it is lighter by. In light without blue, what little there is says nothing of colors:
lips would become mauve."""
_AS_RED, _MOST_REDDER = 0.75, 14.0
"""How far lips become as red as the scene's, if they are less: so much of the difference in a, and no more than this.
Pale lips in a face that is not pale look dead."""
_AS_DARK, _MOST_DARKER, _RED = 0.35, 12.0, 6.0
"""The same of how dark they are, where the scene's are as red as that: what is dark there without being red is a
beard."""
_LEAST_LIGHT = 1e-3
"""In linear RGB."""
_LIGHTNESS_OF_BLACK = 16.0
"""CIELab's L and this much are in proportion to the cube root of light."""
_BESIDE_CHEEKS = 0.1
"""How much skin beside cheeks and nose says of the color of a scene's light: gray beards made gray faces."""
_BRIGHTER = 0.3
"""By how much what is brighter than a scene's light seems to be counts as off: it is light, too. What is darker may be
hair or a hand. Counted alike, faces became darker than the scene's, by 2 of L on the mean of 40 portraits."""
_OUTLIER = 2.5
"""What differs from the light by more than so many times what half of the skin does has no say in it: hair, glasses."""
_WEIGHTS = np.array([1.0, 1.5, 1.5])
"""Of differences in L, a and b."""
_NEAR = 22.0
_ROUNDS = 2
_MEDIAN_OF_NORMAL = 0.6745
"""Half of a normal distribution lies within so many standard deviations."""
_LEAST_SPREAD = 1.5


class Light:
    """What is smooth of a face's colors: a polynomial of second order of lightness, and planes of a and b."""

    def __init__(
        self, lab: NDArray[np.float32], skin: NDArray[np.float32], cheeks: NDArray[np.float32] | None = None
    ) -> None:
        """lab: float32 (S, S, 3), CIELab. skin: float32 (S, S) in [0, 1], how much each pixel counts.

        cheeks: of a scene, where no beard grows, float32 (S, S) in [0, 1]. There a and b change from left to right
        only, as by lamps, and not from top to bottom, too, as by beards, and nothing is too bright to be light. None:
        of a drawn face.
        """
        self._of_colors = 3 if cheeks is None else 2
        self._brighter = 1.0 if cheeks is None else _BRIGHTER
        basis = _basis(lab.shape[0])
        flat, weight = lab.reshape(-1, 3).astype(np.float64), skin.reshape(-1).astype(np.float64)
        of_colors = weight if cheeks is None else weight * np.maximum(cheeks.reshape(-1), _BESIDE_CHEEKS)
        here = weight > 0.02
        count, of_colors = weight[here], of_colors[here]
        if count.sum() < 8:  # hardly any skin: its mean is all that can be told
            basis, here, count = basis[:, :1], weight >= 0, weight + 1e-3
            of_colors = count
        values, smooth = flat[here], basis[here]
        few = smooth[:, : self._of_colors]
        # Hair or a hand may cover much of the skin: the fit begins with what is near to the usual color.
        of_each = zip(values.T, (count, of_colors, of_colors), strict=True)
        middle = np.array([_median(channel, says) for channel, says in of_each])
        inliers = 1 / (1 + (self._off(values - middle) / _NEAR) ** 4)
        for _ in range(_ROUNDS):
            w = count * inliers
            self._of_l = _least_squares(smooth, values[:, :1], w)
            self._of_ab = _least_squares(few, values[:, 1:], of_colors * inliers)
            off = self._off(values - np.concatenate([smooth @ self._of_l, few @ self._of_ab], axis=1))
            usual = max(_median(off, w), _LEAST_SPREAD)
            inliers = 1 / (1 + (off / (_OUTLIER * usual)) ** 4)
        self.chroma = complex(*np.average(values[:, 1:], axis=0, weights=of_colors * inliers))
        """The skin's mean color, CIELab's a and b as one number: its length is how much color there is."""
        self._terms = smooth.shape[1]
        self._limits = np.percentile(self._smooth(smooth), (1, 99), axis=0)

    def _off(self, differences: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far N colors are off, by what they differ by, (N, 3): float64 (N,)."""
        lightness = differences[:, 0]
        off: NDArray[np.float64] = np.abs(differences) @ _WEIGHTS
        return off - (1 - self._brighter) * np.maximum(lightness, 0)

    def contrast(self, lab: NDArray[np.float32], features: NDArray[np.float32]) -> float:
        """How much the lightness of an image varies about the smooth part: a standard deviation.

        features: float32 (S, S) in [0, 1], how much each pixel counts.
        """
        rest = self._rest(lab)
        return float(np.sqrt((rest**2 * features).sum() / max(float(features.sum()), 1e-3)))

    def contrast_of_skin(self, lab: NDArray[np.float32], skin: NDArray[np.float32]) -> float:
        """The same by the median of what skin differs by, so that hair or a hand before it has no say."""
        count = skin.reshape(-1).astype(np.float64)
        return _median(np.abs(self._rest(lab)).reshape(-1), count + 1e-9) / _MEDIAN_OF_NORMAL

    def darkness(self, lab: NDArray[np.float32], brows: NDArray[np.float32]) -> float:
        """How much darker than the smooth part brows are, on the mean of what is darker. brows: float32 (S, S), their
        share in each pixel."""
        return _mean(np.maximum(-self._rest(lab), 0).astype(np.float32), brows)

    def _rest(self, lab: NDArray[np.float32]) -> NDArray[np.float64]:
        return (lab[..., 0] - self.field(lab.shape[0])[..., 0]).astype(np.float64)

    def field(self, side: int) -> NDArray[np.float32]:
        """The smooth part as an image: float32 (side, side, 3), CIELab. Nowhere beyond what the skin shows."""
        return np.asarray(cv2.resize(self._coarse_field, (side, side), interpolation=cv2.INTER_LINEAR))

    @cached_property
    def _coarse_field(self) -> NDArray[np.float32]:
        smooth = np.clip(self._smooth(_basis(COARSE_PX)[:, : self._terms]), *self._limits)
        return smooth.reshape(COARSE_PX, COARSE_PX, 3).astype(np.float32)

    def _smooth(self, terms: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([terms @ self._of_l, terms[:, : self._of_colors] @ self._of_ab], axis=1)


def coarse(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """An image (S, S[, C]) as small as light is measured on."""
    return np.asarray(cv2.resize(image, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA))


class Relit(NamedTuple):
    """A face in another light."""

    lab: NDArray[np.float32]
    """float32 (S, S, 3), CIELab."""
    light: Light
    """The light that it is in now."""
    contrast: NDArray[np.float32]
    """float32 (S, S): by how much its lightness varies more than it did."""


class Parts(NamedTuple):
    """Where the parts of a drawn face are, as small as light is measured on: float32 (48, 48) each, in [0, 1]."""

    skin: NDArray[np.float32]
    """Without brows, eyes and mouth."""
    face: NDArray[np.float32]
    cheeks: NDArray[np.float32]
    """Nose and cheeks, where no beard grows; what of it is skin counts."""
    lips: NDArray[np.float32]
    brows: NDArray[np.float32]
    scene_lips: NDArray[np.float32]
    """Those of the face that is drawn over,"""
    scene_brows: NDArray[np.float32]
    """and its brows."""


def relight(drawn: NDArray[np.float32], scene: NDArray[np.float32], parts: Parts) -> Relit:
    """A drawn face in the light of the one that it is drawn over, with its own detail.

    drawn: float32 (S, S, 3), CIELab. scene: the original, as `coarse` makes it. Gray light makes a gray face.

    Colors are those of other light, by J. von Kries, Chromatic Adaptation, 1902: linear red, green and blue are
    multiplied by what the skin's are, so that teeth stay white; but none differs more from the skin's for it. Skin
    varies about as much as in the scene, and so does what differs from it: brows, eyes and mouth; half of that in
    color. Lips are about as red as the scene's.
    """
    small, side, skin = coarse(drawn), drawn.shape[0], parts.skin
    ours, theirs = Light(small, skin), Light(scene, skin, parts.cheeks)
    our_field, small_field = ours.field(COARSE_PX), theirs.field(COARSE_PX)
    stronger = _mean_lightness(small_field, skin) / _mean_lightness(our_field, skin)
    contrast, narrow = _contrast((ours, small), (theirs, scene), parts, max(stronger, 1.0), side)
    brows = cast(NDArray[np.float32], cv2.resize(parts.brows, (side, side), interpolation=cv2.INTER_LINEAR))
    paler = np.minimum(contrast, np.float32(1))
    colored = np.sqrt(paler) + brows * (paler - np.sqrt(paler))  # gray between pale hairs would be a veil
    colored *= np.float32(min(abs(theirs.chroma) / max(abs(ours.chroma), 1e-3), 1.0))
    gains = _linear(small_field) / _linear(our_field)
    adapted = cv2.multiply(
        cv2.cvtColor(drawn, cv2.COLOR_LAB2LRGB), cv2.resize(gains, (side, side), interpolation=cv2.INTER_LINEAR)
    )
    field = theirs.field(side)
    lit = cv2.subtract(cv2.cvtColor(adapted, cv2.COLOR_LRGB2LAB), field)
    off = cv2.subtract(drawn, ours.field(side))
    lightness = cv2.extractChannel(off, 0)
    room = np.maximum(np.float32(_IF_LIGHTER) * lightness, 0) + np.float32(_MORE_COLOR)
    most = cv2.add(np.abs(off), cv2.cvtColor(room, cv2.COLOR_GRAY2RGB))
    lit = cast(NDArray[np.float32], cv2.min(cv2.max(lit, -most), most))
    cv2.insertChannel(_narrowed(cast(NDArray[np.float32], lightness), brows, narrow), lit, 0)
    lit = cast(NDArray[np.float32], cv2.multiply(lit, cv2.merge([contrast, colored, colored])))
    lit += _as_red(coarse(lit), parts.lips, scene - small_field, parts.scene_lips, side)
    lit += field
    return Relit(lit, theirs, contrast)


def _as_red(
    ours: NDArray[np.float32],
    lips: NDArray[np.float32],
    theirs: NDArray[np.float32],
    their_lips: NDArray[np.float32],
    side: int,
) -> NDArray[np.float32]:
    """What makes lips about as red and as dark as the scene's: float32 (side, side, 3), CIELab.

    ours, theirs: colors less the skin's, (48, 48, 3). lips, their_lips: as small, where they are.
    """
    redness = _mean(np.maximum(theirs[..., 1], 0), their_lips)
    redder = np.clip(_AS_RED * (redness - _mean(np.maximum(ours[..., 1], 0), lips)), 0, _MOST_REDDER)
    darker = np.clip(_AS_DARK * (_mean(ours[..., 0], lips) - _mean(theirs[..., 0], their_lips)), 0, _MOST_DARKER)
    added = np.array([-darker * min(redness / _RED, 1.0), redder, 0], np.float32)
    return np.asarray(cv2.resize(lips[..., None] * added, (side, side), interpolation=cv2.INTER_LINEAR))


def _mean(values: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    return float((values * weights).sum() / max(float(weights.sum()), 1e-3))


def _contrast(
    drawn: tuple[Light, NDArray[np.float32]],
    scene: tuple[Light, NDArray[np.float32]],
    parts: Parts,
    stronger: float,
    side: int,
) -> tuple[NDArray[np.float32], float]:
    """By how much lightness is to vary more in each place of a drawn face, float32 (side, side), and how much of their
    darkness brows are to lose by being narrower before: the share that stays.

    drawn, scene: as small as light is measured on, each with its light. stronger: how much stronger the scene's light
    is.
    """
    (ours, small), (theirs, small_scene), skin = drawn, scene, parts.skin
    features = np.clip(parts.face - skin, 0, 1)
    ratio = _ratio(theirs.contrast(small_scene, features), ours.contrast(small, features))
    of_features = np.clip(ratio**_FEATURES_AS_THE_SCENE, _LEAST_GAIN, _MOST_GAIN * stronger)
    ratio = _ratio(theirs.contrast_of_skin(small_scene, skin), ours.contrast_of_skin(small, skin))
    of_skin = np.clip(ratio**_SKIN_AS_THE_SCENE, _LEAST_GAIN, of_features)
    ratio = _ratio(theirs.darkness(small_scene, parts.scene_brows), ours.darkness(small, parts.brows))
    of_brows = np.clip(ratio**_BROWS_AS_THE_SCENE, _PALEST, of_features)
    gain = of_skin + (of_features - of_skin) * features
    narrow = float(min(of_brows, 1.0)) ** _NARROWER
    gain += (of_brows / narrow - gain) * parts.brows
    return np.asarray(cv2.resize(gain.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)), narrow


def _narrowed(lightness: NDArray[np.float32], brows: NDArray[np.float32], stays: float) -> NDArray[np.float32]:
    """Lightness less the skin's, (S, S), with narrower brows: of how dark they are in all, the share `stays`.

    How dark each pixel is, of the darkest, is raised to a power: what is darkest stays, and what is around it goes.
    """
    dark = np.maximum(-lightness, 0) * brows
    inside = dark[brows > _BROW]
    most = float(np.percentile(inside, _DARKEST)) if inside.size else 0.0
    if stays >= 1 or most < 1:
        return lightness
    shares = np.clip(dark / np.float32(most), _LIGHTEST, 1)
    total, low, high = float((shares * brows).sum()), 1.0, _HIGHEST_POWER
    for _ in range(_HALVINGS):
        power = (low + high) / 2
        low, high = (power, high) if float((shares**power * brows).sum()) > stays * total else (low, power)
    kept = 1 + brows * (shares ** np.float32(low - 1) - 1)
    return cast("NDArray[np.float32]", np.where(lightness < 0, lightness * kept, lightness).astype(np.float32))


def _mean_lightness(field: NDArray[np.float32], skin: NDArray[np.float32]) -> float:
    """Of skin, in proportion to the cube root of its light. field: (48, 48, 3), CIELab. skin: as large, its weight."""
    return _LIGHTNESS_OF_BLACK + _mean(field[..., 0], skin)


def _ratio(theirs: float, ours: float) -> float:
    return (theirs + _NO_CONTRAST) / (ours + _NO_CONTRAST)


def _linear(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIELab as linear RGB, never black."""
    return np.maximum(cv2.cvtColor(lab, cv2.COLOR_LAB2LRGB), np.float32(_LEAST_LIGHT))


@cache
def _basis(side: int) -> NDArray[np.float64]:
    line = np.linspace(-1, 1, side)
    y, x = (axis.reshape(-1) for axis in np.meshgrid(line, line, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _least_squares(
    terms: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    weighted = terms * weights[:, None]
    normal = weighted.T @ terms + 1e-3 * weights.sum() * np.diag([0.0, *[1.0] * (terms.shape[1] - 1)])
    return np.asarray(np.linalg.solve(normal, weighted.T @ values))


def _median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
