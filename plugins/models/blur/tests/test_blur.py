"""What a blur leaves of a head."""

import torch

from mien import make_model
from mien.contracts.model import Batch
from mien.contracts.target import Synthetic
from mien.layers import cell_means
from mien.plugins.registry import Registry
from mien.testing import ModelContract


class TestBlur(ModelContract):
    name = "blur"


def test_heads_with_the_same_mean_colors_look_the_same():
    """So nothing finer than the cells can be told from it, however it is sharpened."""
    generator = torch.Generator().manual_seed(0)
    model = make_model(Registry(), "blur", {"count": 4}, TestBlur().inputs())
    images = torch.rand(1, 3, 128, 128, generator=generator)
    within = images.reshape(3, 4, 32, 4, 32).transpose(2, 3).reshape(3, 4, 4, 1024)
    shuffled = within[..., torch.randperm(1024, generator=generator)].reshape(3, 4, 4, 32, 32).transpose(2, 3)
    other = shuffled.reshape(1, 3, 128, 128)
    assert torch.allclose(cell_means(images, 4), cell_means(other, 4), atol=1e-5)
    one, two = (
        model.generate(
            Batch(image, torch.ones(1, 1, 128, 128), torch.zeros(1, 0), torch.tensor([-1])),
            Synthetic(torch.zeros(1, dtype=torch.int64)),
        ).images
        for image in (images, other)
    )
    assert torch.allclose(one, two, atol=1e-5)
    assert (one[..., 1:] - one[..., :-1]).abs().max() < 0.02, "smooth"
