"""A person's faces on disk: made by `mien.dataset.preprocess.preprocess`, read by `Dataset`."""

from mien.dataset.format import Counts as Counts
from mien.dataset.format import Dataset as Dataset
from mien.dataset.format import DatasetInfo as DatasetInfo
from mien.dataset.format import FeatureInfo as FeatureInfo
