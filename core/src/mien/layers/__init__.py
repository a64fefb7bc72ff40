"""Layers and losses that several architectures share; a stranger's model may be made of them, too."""

from mien.layers.adversarial import AdversarialConfig as AdversarialConfig
from mien.layers.adversarial import AdversarialModel as AdversarialModel
from mien.layers.adversarial import InstanceNoiseConfig as InstanceNoiseConfig
from mien.layers.adversarial import judged as judged
from mien.layers.adversarial import noise_stages as noise_stages
from mien.layers.adversarial import with_instance_noise as with_instance_noise
from mien.layers.average import MovingAverage as MovingAverage
from mien.layers.conditions import FeatureDistribution as FeatureDistribution
from mien.layers.conditions import StandardizedFeatures as StandardizedFeatures
from mien.layers.convolution import NEGATIVE_SLOPE as NEGATIVE_SLOPE
from mien.layers.convolution import Convolution as Convolution
from mien.layers.convolution import Upscale as Upscale
from mien.layers.dcgan import DcganDiscriminator as DcganDiscriminator
from mien.layers.dcgan import dcgan_generator as dcgan_generator
from mien.layers.decoder import DecoderConfig as DecoderConfig
from mien.layers.decoder import feature_decoder as feature_decoder
from mien.layers.latents import latents_of as latents_of
from mien.layers.masked import masked_edge_l1 as masked_edge_l1
from mien.layers.masked import masked_l1 as masked_l1
