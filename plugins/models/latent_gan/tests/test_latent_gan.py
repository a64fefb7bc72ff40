from dataclasses import replace

import pytest
import torch

from mien.testing.model import ModelContract

TINY = {"size": 32, "bottleneck": 16, "code_channels": 8, "width": 8, "discriminator_width": 4}


class TestLatentGan(ModelContract):
    name = "latent_gan"
    small = TINY


class TestWithoutAverage(ModelContract):
    name = "latent_gan"
    small = {**TINY, "average_decay": 0.0}


@pytest.mark.parametrize(("share", "counts", "idle"), [(1.0, "l1", "passed"), (0.0, "passed", "l1")])
def test_alpha_weighs_l1_against_the_discriminator(share: float, counts: str, idle: str) -> None:
    contract = TestLatentGan()
    contract.small = {**TINY, "l1_share": share}
    model = contract.make()
    losses = model(contract.batch(model, 3, 0), "generator")
    assert torch.equal(losses["loss"], losses[counts]) and not torch.equal(losses["loss"], losses[idle])


def test_the_discriminator_does_not_look_at_what_is_drawn_outside_of_the_mask() -> None:
    contract = TestLatentGan()
    model = contract.make().eval()
    batch = contract.batch(model, 2, 0)
    hidden = replace(batch, masks=torch.zeros_like(batch.masks), images=torch.full_like(batch.images, -1.0))
    with torch.no_grad():
        losses = model(hidden, "discriminator")
    # Nothing is left to tell the two apart by: black is judged as real and as fake with the same verdict.
    assert float(losses["real"]) == pytest.approx(0.69, abs=0.1) and float(losses["fake"]) == pytest.approx(
        0.69, abs=0.1
    )


def test_what_draws_follows_the_generator_slowly() -> None:
    contract = TestLatentGan()
    model = contract.make()
    batch = contract.batch(model, 3, 0)
    optimizer = model.optimizer("generator")
    for _ in range(20):
        model(batch, "generator")["loss"].backward()
        optimizer.step()
        model.after_step("generator")
    trained, averaged = (next(network.parameters()) for network in (model.generator, model.average))
    began = next(contract.make().generator.parameters())
    assert 0 < (averaged - began).norm() < (trained - began).norm()
