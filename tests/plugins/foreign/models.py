"""Models that the reference study did not have."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate
from torch.optim import Optimizer

from mien import Batch, Generated, Losses, Model, ModelInputs, PluginConfig, Stage, Target
from mien.contracts.target import known, reference, synthetic
from mien.geometry.alignment import AlignmentConfig
from mien.layers import masked_l1


def ellipse(images: Tensor) -> Tensor:
    """A mask of its own for each image."""
    line = torch.linspace(-1, 1, images.shape[-1], device=images.device)
    inside = ((line[:, None] / 0.9) ** 2 + (line / 0.7) ** 2 < 1).float()
    return inside.expand(len(images), 1, -1, -1)


class OneShot(Model):
    targets = frozenset({"reference"})
    alignment = AlignmentConfig(template="arcface", size=112, margin=0.2)

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        whom = reference(target)
        faces = torch.stack([one.faces.images[0] for one in whom.given])
        return Generated(faces[whom.people], ellipse(batch.images))


class Pairs(Model):
    targets = frozenset({"reference"})
    sampling = "pairs"

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.encode = nn.Conv2d(3, 8, 8, stride=8)
        self.style = nn.Linear(inputs.encoding_length, 8)
        self.decode = nn.ConvTranspose2d(8, 3, 8, stride=8)

    def stages(self) -> Sequence[Stage]:
        return [Stage(256, 4)]

    def optimizer(self, phase: str) -> Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)

    def forward(self, batch: Batch, phase: str) -> Losses:
        own, recognize = batch.encodings, self.inputs.recognize
        if own is None or recognize is None:
            raise ValueError("a batch for pairs without encodings, or a recognizer without a network")
        partner = own.reshape(-1, 2, own.shape[1]).flip(1).reshape(own.shape)
        drawn = self.draw(batch.images, partner)
        identity = recognize(drawn, batch.landmarks) - partner
        l1 = masked_l1(drawn, batch.images, batch.masks)
        return {"loss": l1 + 0.1 * identity.square().sum(1).mean(), "l1": l1}

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        return self.draw(batch.images, reference(target).encodings).float()

    def draw(self, images: Tensor, encodings: Tensor) -> Tensor:
        code = self.encode(images) + self.style(encodings)[:, :, None, None]
        return torch.tanh(self.decode(code.relu()))


class Inpainter(Model):
    targets = frozenset({"synthetic"})

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        noise = [torch.randn(batch.images.shape[1:], generator=torch.Generator().manual_seed(n % 2**31))
                 for n in synthetic(target).ids.tolist()]  # fmt: skip
        drawn = torch.lerp(batch.images, torch.stack(noise).to(batch.images.device).clamp(-1, 1), batch.masks)
        for _ in range(8):
            smooth = avg_pool2d(drawn, 5, 1, 2, count_include_pad=False)
            drawn = torch.lerp(batch.images, smooth, batch.masks)
        return drawn


class Photographs(Model):
    faces: Tensor
    landmarks: Tensor
    whose: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        for name in ("faces", "landmarks", "whose"):
            self.register_buffer(name, torch.zeros(0))

    def fit(self, faces: Iterable[Batch]) -> None:
        batches = [(interpolate(b.images, size=(64, 64)), b.landmarks / b.size, b.people.float()) for b in faces]
        self.faces, self.landmarks, self.whose = (torch.cat(part) for part in zip(*batches, strict=True))

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        apart = torch.cdist((batch.landmarks / batch.size).flatten(1).nan_to_num(), self.landmarks.flatten(1))
        others = self.whose[None] != known(target).people[:, None]
        return self.faces[apart.masked_fill(others, torch.inf).argmin(1)]


class Window(Model):
    targets = frozenset({"synthetic"})
    window = (1, 1)

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        if batch.around is None:
            raise ValueError("a batch without its window")
        of_three = batch.around.images.reshape(len(batch), 3, *batch.images.shape[1:])
        return of_three.mean(1)


class Cells(Model):
    targets = frozenset({"synthetic"})
    alignment = AlignmentConfig(template="box", margin=0.4)

    def generate(self, batch: Batch, target: Target) -> Tensor | Generated:
        side = batch.size // 8
        blocks = interpolate(avg_pool2d(batch.images, side), size=batch.images.shape[2:], mode="nearest")
        return Generated(blocks, torch.ones_like(batch.masks))
