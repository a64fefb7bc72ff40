from mien.testing import FeatureContract


class TestEncoding(FeatureContract):
    name = "encoding"
