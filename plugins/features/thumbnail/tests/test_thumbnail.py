from mien.testing import FeatureContract


class TestThumbnail(FeatureContract):
    name = "thumbnail"
