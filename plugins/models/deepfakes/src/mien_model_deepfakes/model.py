"""The deepfakes autoencoder: one encoder learns what the faces of two people share, a decoder each what they do not."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, Model, ModelInputs, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Target, known
from mien.layers import (
    NEGATIVE_SLOPE,
    Convolution,
    ReconstructionConfig,
    Upscale,
    reconstruction_losses,
    weighted_masks,
)
from mien_model_deepfakes.augment import Strengths, augment, zoom

_CODE_SIDE = 4


class DeepfakesConfig(ReconstructionConfig):
    """Settings of the deepfakes autoencoder; the defaults are the reference."""

    presets = {
        "small": {
            "size": 64, "width": 32, "bottleneck": 256, "code_channels": 256, "shared_channels": 128,
            "decoder_width": 128, "batch_size": 32, "learning_rate": 5e-4, "trim": 0.0, "flip": 0.0,
            "color_swap": 0.5, "edges": 3.0,
        }
    }  # fmt: skip

    size: Literal[32, 64, 128] = 128
    """Side of the images in pixels."""
    width: int = Field(default=128, ge=1)
    """Channels of the first convolution; each further one doubles them, down to 4×4 pixels."""
    bottleneck: int = Field(default=1024, ge=1)
    """Length of the code between the linear layers."""
    code_channels: int = Field(default=1024, ge=1)
    """Channels that the code is spread to, at 4×4 pixels."""
    shared_channels: int = Field(default=512, ge=1)
    """Channels after the encoder's upscale, at 8×8 pixels."""
    decoder_width: int = Field(default=256, ge=1)
    """Channels after a decoder's first upscale; each further one halves them."""
    batch_size: int = Field(default=128, ge=1)
    """Faces in a step, half of them of each person."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """Of Adam."""
    warp_px: float = Field(default=2.5, ge=0)
    """Standard deviation of the 5×5 grid's offsets, in pixels of an image 128 wide."""
    trim: float = Field(default=0.1, ge=0, lt=0.5)
    """Outer share of the warped image and of its target that is cut off, counted over both sides together."""
    rotation_degrees: float = Field(default=5.0, ge=0)
    """Largest rotation of a face, either way."""
    shift: float = Field(default=0.03, ge=0)
    """Largest shift, as a share of the side."""
    scale: float = Field(default=0.05, ge=0, lt=1)
    """Largest change of size, as a share."""
    shear_degrees: float = Field(default=5.0, ge=0)
    """Largest shear."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """How often a face is mirrored."""
    brightness: float = Field(default=0.25, ge=0, le=1)
    """Largest change of brightness, as a share."""
    contrast: float = Field(default=0.25, ge=0, le=1)
    """Largest change of contrast, as a share."""
    saturation: float = Field(default=0.1, ge=0, le=1)
    """Largest change of saturation, as a share."""
    hue: float = Field(default=0.05, ge=0, le=0.5)
    """Largest turn of the hue, as a share of the color circle."""
    color_swap: float = Field(default=0.0, ge=0, le=1)
    """How often a face takes on the colors of another in the batch. It keeps the encoder from telling people apart by
    their light, so that their expressions share one code; the reference has none."""


class Deepfakes(Model):
    """Swaps two people: a face of one, drawn by the decoder of the other."""

    Config = DeepfakesConfig
    people = (2, 2)
    masked = True
    config: DeepfakesConfig

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        self.encoder = _encoder(self.config)
        self.decoders = nn.ModuleList(_decoder(self.config) for _ in inputs.people)

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over everything: both people are learnt in one step."""
        return Adam(self.parameters(), lr=self.config.learning_rate, fused=True)

    def forward(self, batch: Batch, phase: str) -> Losses:
        """The errors between the unwarped face and what its person's decoder makes of the warped one."""
        settings = self.config.model_dump(include=set(Strengths.__dataclass_fields__))
        weights = weighted_masks(batch.masks, batch.landmarks, self.config)
        example = augment(batch.images, batch.masks, Strengths(**settings), weights)
        codes = self.encoder(example.shown)  # both people in one pass
        losses: Losses = {}
        rows_of_people = batch.rows_of_people(len(self.decoders))
        for name, decoder, rows in zip(self.inputs.people, self.decoders, rows_of_people, strict=True):
            if not len(rows):
                continue
            drawn = decoder(codes.index_select(0, rows))
            wanted, weights = example.wanted.index_select(0, rows), example.weights.index_select(0, rows)
            parts = reconstruction_losses(drawn, wanted, weights, self.config)
            losses |= {f"{part}/{name}": value for part, value in parts.items()}
        return {"loss": torch.stack(list(losses.values())).sum() / len(self.decoders), **losses}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw each face by the decoder of whom it is to be."""
        enlarged = 1 / (1 - self.config.trim)
        codes = self.encoder(zoom(batch.images, enlarged))
        people = known(target).people
        generated = torch.zeros_like(batch.images)
        for person in sorted(set(people.tolist())):
            rows = people == person
            generated[rows] = self.decoders[person](codes[rows]).to(generated.dtype)
        return zoom(generated.float(), 1 / enlarged)


def _encoder(config: DeepfakesConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for level in range(int(math.log2(config.size // _CODE_SIDE))):
        wider = config.width * 2**level
        layers += [Convolution(channels, wider, 5, stride=2), nn.LeakyReLU(NEGATIVE_SLOPE)]
        channels = wider
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(channels * _CODE_SIDE**2, config.bottleneck),
        nn.Linear(config.bottleneck, config.code_channels * _CODE_SIDE**2),
        nn.Unflatten(1, (config.code_channels, _CODE_SIDE, _CODE_SIDE)),
        Upscale(config.code_channels, config.shared_channels),
    )


def _decoder(config: DeepfakesConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = config.shared_channels
    for level in range(int(math.log2(config.size // (2 * _CODE_SIDE)))):
        narrower = max(config.decoder_width // 2**level, 1)
        layers.append(Upscale(channels, narrower))
        channels = narrower
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 5, padding=2), _SignedSigmoid())


class _SignedSigmoid(nn.Module):
    """The sigmoid of the reference, its [0, 1] stretched to [-1, 1]."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.sigmoid(values) * 2 - 1
