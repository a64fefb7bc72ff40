from mien.testing.model import ModelContract

TINY = {"size": 32, "styles": 16, "width": 4, "most_channels": 16, "batch_size": 4}


class TestExpression(ModelContract):
    name = "expression"
    small = TINY
