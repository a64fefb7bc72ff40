"""Layers and losses that several architectures share; a stranger's model may be made of them, too."""

from mien.layers.average import MovingAverage as MovingAverage
from mien.layers.conditions import FeatureDistribution as FeatureDistribution
from mien.layers.conditions import StandardizedFeatures as StandardizedFeatures
from mien.layers.convolution import NEGATIVE_SLOPE as NEGATIVE_SLOPE
from mien.layers.convolution import Convolution as Convolution
from mien.layers.convolution import Upscale as Upscale
from mien.layers.latents import latents_of as latents_of
from mien.layers.masked import masked_edge_l1 as masked_edge_l1
from mien.layers.masked import masked_l1 as masked_l1
