"""The network answers alike whatever it was asked before, for pictures of any size."""

import numpy as np
import pytest

from mien.testing import portraits
from mien_extractor_centerface.network import Network


def test_images_of_changing_sizes_get_the_answers_of_a_fresh_network():
    """OpenCV's classic engine fails this: after a change of size its scores are off by 0.9."""
    image = portraits()[0].image
    views = [image, image[:200, :150], np.tile(image, (2, 2, 1)), image]
    fresh = [[output.copy() for output in Network()(view)] for view in views]
    network = Network()
    for view, expected in zip(views, fresh, strict=True):
        for output, wanted in zip(network(view), expected, strict=True):
            assert np.array_equal(output, wanted)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 33), (360, 640), (31, 200)])
def test_there_is_an_answer_for_every_cell_of_the_picture_and_none_beyond(height, width):
    cells = (-(-height // 4), -(-width // 4))
    outputs = Network()(np.zeros((height, width, 3), np.uint8))
    assert [output.shape for output in outputs] == [(channels, *cells) for channels in (1, 2, 2, 10)]
