from mien.testing import BlenderContract


class TestFeather(BlenderContract):
    name = "feather"
