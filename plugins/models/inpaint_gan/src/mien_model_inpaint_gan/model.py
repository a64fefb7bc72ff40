"""A GAN that fills the hole where a face was: what it does by landmarks, who it is by an encoding."""

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, relu, softplus

from mien.contracts.model import Batch, Losses, ModelInputs, Sampling, Stage
from mien.contracts.plugin import PluginConfig
from mien.contracts.target import Reference, Synthetic, Target
from mien.layers import (
    AdversarialConfig,
    AdversarialModel,
    differentiably_augmented,
    landmark_maps,
    latents_of,
    masked_edge_l1,
    masked_l1,
    region_weights,
)
from mien_model_inpaint_gan.augment import Strengths, augmented
from mien_model_inpaint_gan.networks import Discriminator, Generator

_SHAKE = 0.05
"""Standard deviation of the noise by which the discriminator's steepness is measured, of images in [-1, 1]."""


class InpaintGanConfig(AdversarialConfig):
    """Settings of the inpainting GAN."""

    presets = {
        "small": {
            "size": 64, "width": 8, "most_channels": 32, "styles": 32, "batch_size": 4,
        },
        "hd": {"size": 512, "width": 16},
    }  # fmt: skip

    size: Literal[32, 64, 128, 256, 512] = 256
    """Side of the images in pixels."""
    width: int = Field(default=32, ge=1)
    """Channels next to the image, in both networks; they double at each halving."""
    most_channels: int = Field(default=256, ge=1)
    """Channels at most."""
    styles: int = Field(default=256, ge=1)
    """Length of the style that is made of an encoding."""
    batch_size: int = Field(default=32, ge=2)
    """Faces in a step: half are drawn as who they are, half as somebody else."""
    learning_rate: float = Field(default=3e-4, gt=0)
    """Of the generator's Adam."""
    discriminator_rate: float = Field(default=2e-4, gt=0)
    """Of the discriminator's Adam."""
    beta1: float = Field(default=0.0, ge=0, lt=1)
    """Of both Adams: how long a gradient is remembered."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Of both Adams: how long a gradient's square is remembered."""
    average_decay: float = Field(default=0.998, ge=0, lt=1)
    """Faces are drawn by a moving average of the generator's weights; so much of it stays at each step."""
    hole: float = Field(default=0.03, ge=0, lt=0.5)
    """How far the hole reaches beyond the mask, as a share of the side: none of the face that was there is seen."""
    likeness: float = Field(default=10.0, ge=0)
    """Weight of the L1 error where a face is drawn as who it is."""
    edges: float = Field(default=10.0, ge=0)
    """Weight of the error in edges there."""
    lids_and_lips: float = Field(default=4.0, ge=0)
    """How much more errors near lids and lips weigh: they are small, and what an expression is seen by."""
    matching: float = Field(default=5.0, ge=0)
    """Weight of the difference in what the discriminator sees: feature matching (Wang 2018, arXiv:1711.11585)."""
    identity: float = Field(default=4.0, ge=0)
    """Weight of the squared distance between the drawn face's encoding and the one asked for."""
    stranger: float = Field(default=2.0, ge=0)
    """Weight of what a face drawn as somebody else is nearer to the one that was there than `apart`."""
    apart: float = Field(default=0.8, gt=0)
    """Distance of encodings that is far enough for it."""
    spread: float = Field(default=0.9, gt=0)
    """How far synthetic people are from the mean of the training faces, 1 being as far as these are."""
    steepness: float = Field(default=0.5, ge=0)
    """Weight of the square of the discriminator's gradient at real pictures."""
    bend: float = Field(default=0.012, ge=0)
    """Faces are bent by a 5×5 grid of random offsets of this standard deviation, as a share of the side."""
    narrow: float = Field(default=0.25, ge=0, le=1)
    """How often the lids are narrowed, to a third at most."""
    light: float = Field(default=0.25, ge=0, le=1)
    """Largest change of exposure, as a share."""
    gray: float = Field(default=0.05, ge=0, le=1)
    """How often a picture is shown in gray, so that gray films get gray faces."""
    blur: float = Field(default=0.15, ge=0, le=1)
    """How often a picture is shown at half its sharpness, so that blurred films get blurred faces."""


class InpaintGan(AdversarialModel):
    """Draws a face into the hole where one was. It never sees what was in the hole.

    Identities are encodings by the run's recognizer: of the training faces while it learns, of an image for a
    reference, and for synthetic people drawn from the normal distribution of the training faces' encodings.
    """

    Config = InpaintGanConfig
    targets = frozenset({"synthetic", "reference"})
    sampling: Sampling = "uniform"
    faces_per_batch = 4
    config: InpaintGanConfig
    identity_mean: Tensor
    identity_root: Tensor
    identity_length: Tensor

    def __init__(self, config: PluginConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings, length = self.config, inputs.encoding_length
        self.register_buffer("identity_mean", torch.zeros(length))
        self.register_buffer("identity_root", torch.eye(length))
        self.register_buffer("identity_length", torch.ones(()))
        self.set_networks(
            Generator(settings.size, settings.width, settings.most_channels, length, settings.styles),
            Discriminator(settings.size, settings.width, settings.most_channels),
        )

    def stages(self) -> Sequence[Stage]:
        """One stage without an end."""
        return [Stage(self.config.size, self.config.batch_size)]

    def fit(self, faces: Iterable[Batch]) -> None:
        """Keep mean, covariance and usual length of the training faces' encodings."""
        found = [batch.encodings.double().cpu() for batch in faces if batch.encodings is not None]
        if not found:
            return
        encodings = torch.cat(found)
        centered = encodings - encodings.mean(0)
        variances, directions = torch.linalg.eigh(centered.T @ centered / max(len(encodings) - 1, 1))
        root = directions * variances.clamp_min(0).sqrt()
        self.identity_mean.copy_(encodings.mean(0))
        self.identity_root.copy_(root)
        self.identity_length.copy_(encodings.norm(dim=1).mean())

    def discriminator_losses(self, batch: Batch) -> Losses:
        """Whole pictures and their parts are real or drawn; real ones with another face's landmarks are not real
        either, and count half (Reed et al. 2016, arXiv:1605.05396).

        What it says of real pictures must not be steep (Mescheder et al. 2018, arXiv:1801.04406): by the difference
        that a little noise makes, whose mean square is the gradient's, with no second derivative.
        """
        self.discriminator.requires_grad_(True)
        batch = self._shown(batch)
        maps = self._maps(batch)
        with torch.no_grad():
            drawn = self._drawn(self.generator, batch, maps, self._asked_for(batch)[0])
        shaken = batch.images + _SHAKE * torch.randn_like(batch.images)
        shown = torch.cat([batch.images, drawn, batch.images, shaken])
        whole, parts, _ = self._judged(shown, torch.cat([maps, maps, maps.roll(1, 0), maps]), 4, alike=4)
        real, fake, other, near = ((w, p) for w, p in zip(whole.chunk(4), parts.chunk(4), strict=True))
        losses = {
            "real": sum_of(softplus(-verdict).mean() for verdict in real),
            "fake": sum_of(softplus(verdict).mean() for verdict in fake),
            "mismatched": sum_of(softplus(verdict).mean() for verdict in other),
            "steepness": sum_of((r - n).square().mean() for r, n in zip(real, near, strict=True)) / _SHAKE**2,
        }
        total = losses["real"] + (losses["fake"] + losses["mismatched"]) / 2
        return {"loss": total + self.config.steepness / 2 * losses["steepness"], **losses}

    def generator_losses(self, batch: Batch) -> Losses:
        """What is drawn as who it was has to be like it; all of it has to look real and be who was asked for."""
        settings = self.config
        self.discriminator.requires_grad_(False)
        batch = self._shown(batch)
        maps = self._maps(batch)
        wanted, itself = self._asked_for(batch)
        drawn = self._drawn(self.generator, batch, maps, wanted)
        losses: Losses = {}
        more = settings.lids_and_lips
        weights = self._hole(batch) * region_weights(batch.landmarks, batch.size, eyes=more, mouth=more, brows=0.0)
        same = drawn[itself], batch.images[itself], weights[itself]
        losses["l1"] = masked_l1(*same)
        losses["edges"] = masked_edge_l1(*same)
        whole, parts, seen = self._judged(torch.cat([drawn, batch.images]), maps.repeat(2, 1, 1, 1), 2, alike=2)
        count = len(batch)
        losses["adversarial"] = softplus(-whole[:count]).mean() + softplus(-parts[:count]).mean()
        ours = ((found[:count][itself].float(), found[count:][itself].float()) for found in seen)
        losses["matching"] = sum_of((fake - real).abs().mean() for fake, real in ours) / len(seen)
        total = (
            settings.likeness * losses["l1"]
            + settings.edges * losses["edges"]
            + losses["adversarial"]
            + settings.matching * losses["matching"]
        )
        if self.inputs.recognize is not None and batch.encodings is not None:
            found = self.inputs.recognize(drawn, batch.landmarks)
            losses["identity"] = (found - wanted).square().sum(1).mean()
            away = (found - batch.encodings)[~itself].square().sum(1).clamp_min(1e-6).sqrt()
            losses["stranger"] = relu(settings.apart - away).mean() if len(away) else found.new_zeros(())
            total = total + settings.identity * losses["identity"] + settings.stranger * losses["stranger"]
        return {"loss": total, **losses}

    def generate(self, batch: Batch, target: Target) -> Tensor:
        """Draw each face as somebody else, into its own surroundings."""
        encodings = self._encodings_of(target, batch)
        return self._drawn(self.ema_generator, batch, self._maps(batch), encodings).clamp(-1, 1)

    def _encodings_of(self, target: Target, batch: Batch) -> Tensor:
        if isinstance(target, Reference):
            return target.encodings.to(batch.images.device)
        if isinstance(target, Synthetic):
            return self._people(latents_of(target, len(self.identity_mean)))
        raise TypeError(f"a target of the kind {target.kind!r}, for a model that draws synthetic people and references")

    def _people(self, latents: Tensor) -> Tensor:
        """Encodings of people who do not exist, for standard normal vectors (N, D)."""
        raw = self.identity_mean + self.config.spread * latents @ self.identity_root.T
        people: Tensor = raw / raw.norm(dim=1, keepdim=True).clamp_min(1e-6) * self.identity_length
        return people

    def _shown(self, batch: Batch) -> Batch:
        """The batch as training shows it; in validation as it is."""
        if not self.training:
            return batch
        return augmented(batch, Strengths(**self.config.model_dump(include=set(Strengths.__dataclass_fields__))))

    def _asked_for(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Encodings (N, D) of whom each face is to be, and bool (N,): whether that is who it is.

        Every second face is drawn as itself; of the others half as another of the batch, half as somebody synthetic.
        """
        own = (
            batch.encodings
            if batch.encodings is not None
            else batch.images.new_zeros(len(batch), len(self.identity_mean))
        )
        numbers = torch.arange(len(batch), device=own.device)
        synthetic = self._people(torch.randn_like(own))
        others = torch.where((numbers % 4 == 1)[:, None], own.roll(1, 0), synthetic)
        itself = numbers % 2 == 0
        return torch.where(itself[:, None], own, others), itself

    def _drawn(self, generator: torch.nn.Module, batch: Batch, maps: Tensor, encodings: Tensor) -> Tensor:
        hole = self._hole(batch)
        # Of length about √D, as the vectors that networks are used to.
        scaled = encodings / self.identity_length * encodings.shape[1] ** 0.5
        filled = generator(batch.images * (1 - hole), hole, maps, scaled)
        return torch.where(hole > 0, filled.float(), batch.images)

    def _hole(self, batch: Batch) -> Tensor:
        reach = 2 * round(self.config.hole * batch.size) + 1
        return (max_pool2d(batch.masks, reach, 1, reach // 2) > 0.02).float()

    @staticmethod
    def _maps(batch: Batch) -> Tensor:
        return landmark_maps(batch.landmarks, batch.size, batch.size // 2)

    def _judged(self, images: Tensor, maps: Tensor, groups: int, alike: int = 1) -> tuple[Tensor, Tensor, list[Tensor]]:
        full = interpolate(maps, size=images.shape[-2:], mode="bilinear")
        layers = differentiably_augmented(images, full, alike=alike) if self.training else torch.cat([images, full], 1)
        verdicts: tuple[Tensor, Tensor, list[Tensor]] = self.discriminator(layers, groups)
        return verdicts


def sum_of(losses: Iterable[Tensor]) -> Tensor:
    """Their sum, a scalar."""
    total: Tensor = torch.stack(list(losses)).sum()
    return total
