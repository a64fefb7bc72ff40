"""A person's faces on disk: made by `mien.dataset.preprocess.preprocess`, read by `Dataset`.

Names are imported when they are first used: worker processes, which write datasets but read none, start sooner so.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.dataset.format import Dataset as Dataset
    from mien.dataset.info import Counts as Counts
    from mien.dataset.info import DatasetInfo as DatasetInfo
    from mien.dataset.info import FeatureInfo as FeatureInfo

_HOME_OF = {
    "Counts": "mien.dataset.info",
    "Dataset": "mien.dataset.format",
    "DatasetInfo": "mien.dataset.info",
    "FeatureInfo": "mien.dataset.info",
}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien.dataset' has no attribute {name!r}")
