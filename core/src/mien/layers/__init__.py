"""Layers and losses that several architectures share; a third party's model may be made of them, too.

Names are imported when they are first used: a model that hides heads waits for no discriminator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.layers.adversarial import AdversarialConfig as AdversarialConfig
    from mien.layers.adversarial import AdversarialModel as AdversarialModel
    from mien.layers.adversarial import InstanceNoiseConfig as InstanceNoiseConfig
    from mien.layers.adversarial import adversarial_bce as adversarial_bce
    from mien.layers.adversarial import noise_stages as noise_stages
    from mien.layers.adversarial import with_instance_noise as with_instance_noise
    from mien.layers.average import MovingAverage as MovingAverage
    from mien.layers.conditions import FeatureDistribution as FeatureDistribution
    from mien.layers.conditions import StandardizedFeatures as StandardizedFeatures
    from mien.layers.constants import constant as constant
    from mien.layers.convolution import NEGATIVE_SLOPE as NEGATIVE_SLOPE
    from mien.layers.convolution import Convolution as Convolution
    from mien.layers.convolution import Upscale as Upscale
    from mien.layers.dcgan import DcganDiscriminator as DcganDiscriminator
    from mien.layers.dcgan import dcgan_generator as dcgan_generator
    from mien.layers.decoder import DecoderConfig as DecoderConfig
    from mien.layers.decoder import feature_decoder as feature_decoder
    from mien.layers.differentiable_augmentation import differentiably_augmented as differentiably_augmented
    from mien.layers.drawn_landmarks import LANDMARK_MAPS as LANDMARK_MAPS
    from mien.layers.drawn_landmarks import MIRRORED_68 as MIRRORED_68
    from mien.layers.drawn_landmarks import landmark_maps as landmark_maps
    from mien.layers.equalized import EqualizedConvolution as EqualizedConvolution
    from mien.layers.equalized import EqualizedLinear as EqualizedLinear
    from mien.layers.growing import CriticInput as CriticInput
    from mien.layers.growing import GrowingConfig as GrowingConfig
    from mien.layers.growing import GrowingModel as GrowingModel
    from mien.layers.latents import latents_of as latents_of
    from mien.layers.latents import synthetic_rows as synthetic_rows
    from mien.layers.masked import masked_edge_l1 as masked_edge_l1
    from mien.layers.masked import masked_l1 as masked_l1
    from mien.layers.modulated import ModulatedConvolution as ModulatedConvolution
    from mien.layers.progressive import GrowingDiscriminator as GrowingDiscriminator
    from mien.layers.progressive import GrowingGenerator as GrowingGenerator
    from mien.layers.progressive import faded as faded
    from mien.layers.redaction import RedactionConfig as RedactionConfig
    from mien.layers.redaction import RedactionModel as RedactionModel
    from mien.layers.redaction import cell_means as cell_means
    from mien.layers.regions import ReconstructionConfig as ReconstructionConfig
    from mien.layers.regions import reconstruction_losses as reconstruction_losses
    from mien.layers.regions import region_weights as region_weights
    from mien.layers.regions import weighted_masks as weighted_masks
    from mien.layers.structure import masked_dissimilarity as masked_dissimilarity

_HOMES = {
    "mien.layers.adversarial": (
        "AdversarialConfig",
        "AdversarialModel",
        "InstanceNoiseConfig",
        "adversarial_bce",
        "noise_stages",
        "with_instance_noise",
    ),
    "mien.layers.average": ("MovingAverage",),
    "mien.layers.conditions": ("FeatureDistribution", "StandardizedFeatures"),
    "mien.layers.constants": ("constant",),
    "mien.layers.convolution": ("NEGATIVE_SLOPE", "Convolution", "Upscale"),
    "mien.layers.dcgan": ("DcganDiscriminator", "dcgan_generator"),
    "mien.layers.decoder": ("DecoderConfig", "feature_decoder"),
    "mien.layers.differentiable_augmentation": ("differentiably_augmented",),
    "mien.layers.equalized": ("EqualizedConvolution", "EqualizedLinear"),
    "mien.layers.growing": ("CriticInput", "GrowingConfig", "GrowingModel"),
    "mien.layers.drawn_landmarks": ("LANDMARK_MAPS", "MIRRORED_68", "landmark_maps"),
    "mien.layers.latents": ("latents_of", "synthetic_rows"),
    "mien.layers.masked": ("masked_edge_l1", "masked_l1"),
    "mien.layers.modulated": ("ModulatedConvolution",),
    "mien.layers.progressive": ("GrowingDiscriminator", "GrowingGenerator", "faded"),
    "mien.layers.redaction": ("RedactionConfig", "RedactionModel", "cell_means"),
    "mien.layers.regions": ("ReconstructionConfig", "reconstruction_losses", "region_weights", "weighted_masks"),
    "mien.layers.structure": ("masked_dissimilarity",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien.layers' has no attribute {name!r}")
