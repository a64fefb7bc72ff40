"""What a file says of its making: what was done to the faces in it, and which plugins did that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mien.anonymization.methods import Method, Methods
from mien.media.provenance import PluginUse, Provenance
from mien.tracking.tracker import KEPT, TrackedFace

HIDDEN = "places hidden where a face is or may be"
KEPT_AS_ASKED = "some people left as they are, as was asked"
EXPRESSIONS = "expressions"
"""As a kind of plugin: what chose synthetic people by how well they keep an expression."""
_OF_METHODS = ("feature", "masker", "model", "enhancer", "blender")


@dataclass(frozen=True, slots=True)
class FileProvenance:
    """What the files of one call say of themselves."""

    call: Provenance
    """With the plugins that look at every file, whatever is drawn in it."""
    methods: Methods
    whom: str
    """What says which synthetic people are drawn: "seed 0"."""

    def of(self, faces: Iterable[TrackedFace], *, hides: bool) -> Provenance | None:
        """Of a file that shows these faces; None: nothing in it was changed.

        hides: whether anything was hidden beside what the methods draw over.
        """
        faces = list(faces)
        drawn = {face.method for face in self.methods.drawable(faces)}
        used = [method for number, method in enumerate(self.methods.methods) if number in drawn]
        if not (used or hides):
            return None
        actions = [f"{one.action}, {self.whom}" if one.draws_synthetic else one.action for one in used]
        actions += [HIDDEN] * hides + [KEPT_AS_ASKED] * any(face.method == KEPT for face in faces)
        return replace(
            self.call,
            action="; ".join(dict.fromkeys(actions)),
            run=used[0].session.provenance.run if used else "",
            is_generated=any(not method.session.run.model.hides for method in used),
            plugins=self._plugins(used),
        )

    def _plugins(self, used: Sequence[Method]) -> tuple[PluginUse, ...]:
        chooses = any(method.draws_synthetic for method in used)
        of_call = [
            use for use in self.call.plugins if use.kind not in _OF_METHODS and (chooses or use.kind != EXPRESSIONS)
        ]
        of_methods = [
            use for kind in _OF_METHODS for one in used for use in one.session.provenance.plugins if use.kind == kind
        ]
        return tuple(dict.fromkeys([*of_call, *of_methods]))
