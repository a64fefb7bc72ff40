"""Contract tests: what every plugin of a kind has to keep. A plugin runs them on itself in three lines:

    from mien.testing import FeatureContract

    class TestThumbnail(FeatureContract):
        name = "thumbnail"

A plugin that cannot keep a part of it overrides that test, marked as xfail with the reason. `mien plugins check NAME`
runs them on an installed plugin. They need pytest (`pip install mien-core[testing]`). Names are imported when they are
first used, so that the contracts of extractors, features and blenders load no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mien.plugins.kinds import KINDS

if TYPE_CHECKING:
    from mien.testing.blender import BlenderContract as BlenderContract
    from mien.testing.check import Check as Check
    from mien.testing.check import check_plugin as check_plugin
    from mien.testing.enhancer import EnhancerContract as EnhancerContract
    from mien.testing.extractor import ExtractorContract as ExtractorContract
    from mien.testing.feature import FeatureContract as FeatureContract
    from mien.testing.images import Portrait as Portrait
    from mien.testing.images import no_face as no_face
    from mien.testing.images import portraits as portraits
    from mien.testing.images import side_by_side as side_by_side
    from mien.testing.masker import MaskerContract as MaskerContract
    from mien.testing.model import ModelContract as ModelContract

_HOME_OF = {
    **{place.partition(":")[2]: place.partition(":")[0] for place in (kind.tests for kind in KINDS.values())},
    "Check": "mien.testing.check",
    "check_plugin": "mien.testing.check",
    "Portrait": "mien.testing.images",
    "no_face": "mien.testing.images",
    "portraits": "mien.testing.images",
    "side_by_side": "mien.testing.images",
}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
