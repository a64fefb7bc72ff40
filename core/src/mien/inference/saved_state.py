"""What is known of a video up to a frame, as bytes: so it can be put down, and taken up by another call."""

import io
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from mien.inference.square_pixels import as_shown
from mien.media.video_reader import Frame, VideoSource

UNREADABLE = (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError)
"""What is raised for a state that is damaged, or was saved by another version."""
_ALWAYS: Mapping[str, Sequence[str]] = {
    "builtins": ("int", "set"),
    "collections": ("defaultdict", "deque"),
    "mien.contracts.face": ("Box", "Face"),
    "mien.tracking.tracker": ("TrackedFace", "Tracker", "_Detection", "_Entry", "_Track"),
    "numpy": ("dtype", "ndarray"),
    "numpy._core.multiarray": ("_reconstruct", "scalar"),
    "numpy._core.numeric": ("_frombuffer",),
}


def saved(state: Any) -> bytes:
    """A state as bytes, in which frames stand by their numbers; see `restored`."""
    numbers: set[int] = set()
    file = io.BytesIO()

    class FramePickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> tuple[int, bool] | None:
            if not isinstance(thing, Frame):
                return None
            numbers.add(thing.index)
            return thing.index, thing.stored is not None

    FramePickler(file, pickle.HIGHEST_PROTOCOL).dump(state)
    return pickle.dumps((sorted(numbers), file.getvalue()), pickle.HIGHEST_PROTOCOL)


def restored(data: bytes, video: VideoSource, *, deep: bool, made_of: Mapping[str, Sequence[str]]) -> Any:
    """What was saved, with the frames of a video read again.

    deep: see `VideoSource.frames`. made_of: module → what of it a state may hold, besides tracks, faces and arrays.
    Raises one of `UNREADABLE` for a state that is damaged, or holds anything else; and MienError for a frame that does
    not decode.
    """
    allowed = {**_ALWAYS, **made_of}
    numbers, state = _StateUnpickler(data, allowed, {}, 1.0).load()
    frames: Mapping[int, Frame] = {}
    if numbers:
        read = video.frames(numbers[0], numbers[-1] + 1, deep=deep, only=numbers)
        frames = {frame.index: frame for frame in read}
    return _StateUnpickler(state, allowed, frames, float(video.pixel_shape)).load()


class _StateUnpickler(pickle.Unpickler):
    """Reads what `saved` gives, and makes nothing else, whatever a file asks for."""

    def __init__(
        self, data: bytes, allowed: Mapping[str, Sequence[str]], frames: Mapping[int, Frame], pixel_shape: float
    ) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed, self._frames, self._pixel_shape = allowed, frames, pixel_shape
        self._shown: dict[int, Frame] = {}

    def persistent_load(self, pid: tuple[int, bool]) -> Frame:
        number, is_shown = pid
        if not is_shown:
            return self._frames[number]
        if number not in self._shown:
            self._shown[number], _ = as_shown(self._frames[number], [], self._pixel_shape)
        return self._shown[number]

    def find_class(self, module: str, name: str) -> Any:
        if name in self._allowed.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a saved state")
