"""Enhancers applied one after the other to what a model has drawn, as in `grain:amount=0.5+detail`."""

from dataclasses import replace
from typing import cast

from mien.contracts.enhancer import Enhancer
from mien.contracts.model import Batch, Generated
from mien.plugins.choice import parse_choices
from mien.plugins.guard import guarded_enhance
from mien.plugins.registry import Registry


class EnhancerSet:
    """Enhancers joined by `+`, in that order; "" is the empty set.

    Raises MienError for an unknown enhancer or setting, and one that cannot be made.
    """

    def __init__(self, text: str, registry: Registry) -> None:
        self._enhancers = [
            (str(choice), cast(Enhancer, registry.create("enhancer", choice))) for choice in parse_choices(text)
        ]

    def __len__(self) -> int:
        return len(self._enhancers)

    def enhance(self, generated: Generated, batch: Batch) -> Generated:
        """What the drawn faces become.

        generated: images and masks as drawn. batch: the faces they were drawn from, whole. An enhancer that gives no
        masks keeps those before it. Raises MienError naming the enhancer that fails.
        """
        for choice, enhancer in self._enhancers:
            enhanced = guarded_enhance(enhancer, choice, generated.images, batch)
            generated = enhanced if isinstance(enhanced, Generated) else replace(generated, images=enhanced)
        return generated
