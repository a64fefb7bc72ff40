from mien.testing.model import ModelContract


class TestMorph(ModelContract):
    name = "morph"
    small = {"size": 64}
