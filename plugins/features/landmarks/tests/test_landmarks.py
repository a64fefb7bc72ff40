from mien.testing import FeatureContract


class TestLandmarks(FeatureContract):
    name = "landmarks"
