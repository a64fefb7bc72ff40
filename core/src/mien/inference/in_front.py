"""What stands before a face in a video, held still: rims of glasses that neither come and go nor flicker."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Generic, TypeVar

import numpy as np

from mien.contracts.face import Mask
from mien.inference.neighbors import with_neighbors
from mien.inference.scene import GeneratedScene

T = TypeVar("T")

IN_FRONT_WINDOW = 8, 5
"""Over so many frames before and after each one is looked what lies before its faces."""
_FEW, _MOST = 0.3, 0.7
"""What is there in fewer than this share of these frames is left out, and what is in more than this one is whole."""


def steadied_in_front(generated: Iterable[GeneratedScene[T]]) -> Iterator[GeneratedScene[T]]:
    """The same scenes; of a video's, before each face lies what lies there in most of the frames around it.

    A masker looks at each frame for itself: pieces of a thin rim, seen in one and not in the next, would come and go.
    No more of a face is covered than in one of these frames.
    """
    for is_frame, some in groupby(generated, lambda one: one.scene.frame is not None):
        if not is_frame:
            yield from some
            continue
        for near, position in with_neighbors(map(_Held, some), *IN_FRONT_WINDOW):
            yield near[position].given_back([one.in_front for one in near])


class _Held(Generic[T]):
    """A scene that waits for those after it; when it has gone out, what lies before its faces is kept, and no image."""

    def __init__(self, scene: GeneratedScene[T]) -> None:
        self._scene: GeneratedScene[T] | None = scene
        faces = zip(scene.scene.faces, scene.faces, strict=True)
        self.in_front: dict[int, Mask | None] = {of.track: face.in_front for of, face in faces}
        """Of each face, by its track."""

    def given_back(self, near: Sequence[Mapping[int, Mask | None]]) -> GeneratedScene[T]:
        """The scene, with what is before its faces in most of those near it."""
        scene, self._scene = self._scene, None
        if scene is None:
            raise ValueError("a scene goes out once")
        tracks = (of.track for of in scene.scene.faces)
        masks = [_in_most([one[track] for one in near if track in one]) for track in tracks]
        faces = [replace(face, in_front=mask) for face, mask in zip(scene.faces, masks, strict=True)]
        return replace(scene, faces=faces)


def _in_most(masks: Sequence[Mask | None]) -> Mask | None:
    seen = [mask for mask in masks if mask is not None]
    if not seen:
        return None
    share: Mask = sum(seen, np.zeros_like(seen[0])) / np.float32(len(masks))
    whole: Mask = np.clip((share - _FEW) / np.float32(_MOST - _FEW), 0, 1)
    if whole.sum() > max(float(mask.sum()) for mask in seen):
        return share
    return whole if whole.any() else None
