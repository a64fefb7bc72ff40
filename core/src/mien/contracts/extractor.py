"""Contract: an extractor finds the faces of an image, measures faces that others found, or both."""

from collections.abc import Sequence
from typing import Any, Self

from mien.contracts.face import Face, RgbImage
from mien.contracts.plugin import Plugin


class Extractor(Plugin):
    """Finds every face of an image, with its 68 landmarks if it knows them.

    One of `extract` and `measure` has to be there: a class with neither raises TypeError when it is constructed. With
    `extract` alone it may know boxes only: joined with another, as in `mine+blazeface`, the other measures its faces.
    With `measure` alone it finds nothing by itself.

    Preprocessing makes one in each of its worker processes, so it is constructed from its config alone. An instance is
    used by one thread at a time.
    """

    def __new__(cls, *_arguments: Any, **_settings: Any) -> Self:
        """Refuse a class that does nothing."""
        if not (cls.can_find() or cls.can_measure()):
            raise TypeError(
                f"{cls.__name__} finds and measures nothing: write extract(image), measure(image, faces), or both"
            )
        return super().__new__(cls)

    @classmethod
    def can_find(cls) -> bool:
        """Whether it has an `extract` of its own."""
        return cls.extract is not Extractor.extract

    @classmethod
    def can_measure(cls) -> bool:
        """Whether it has a `measure` of its own."""
        return cls.measure is not Extractor.measure

    def extract(self, image: RgbImage) -> list[Face]:
        """Find all faces, surest first; an empty list if there is none. The image is left as it was.

        image: uint8 (H, W, 3), RGB, at least 1×1. Boxes and landmarks may reach over the image's border where a face is
        cut off; a box overlaps with the image. Landmarks are None where they are not known. Scores lie in [0, 1]; ½
        means: as likely a face as not.
        """
        return []

    def extract_all(self, images: Sequence[RgbImage]) -> list[list[Face]]:
        """`extract` of N ≥ 1 images: N lists in their order, with the very faces that `extract` finds in each.

        images: each as for `extract`, of any sizes, and left as they were. This default takes one after the other; an
        extractor that is quicker with several has its own. Preprocessing calls it with as many as fit into some
        megabytes.
        """
        return [self.extract(image) for image in images]

    def locate(self, image: RgbImage) -> list[Face]:
        """The faces of `extract`, whose landmarks and points may be left out: for whoever asks only where faces are.

        image: as for `extract`, and left as it was. This default is `extract`; an extractor that takes time for the
        landmarks alone has its own.
        """
        return self.extract(image)

    def measure(self, image: RgbImage, faces: Sequence[Face]) -> list[Face | None]:
        """Give each face its landmarks, whoever found it; None for a face that cannot be measured.

        image: as for `extract`, and left as it was. faces: N faces; what they have of landmarks does not count.
        Returns N answers in the order of the faces. Box and score stay those of the face; points may be added.

        This default looks closer: it calls `extract` on the square around the face's box, with a margin of half its
        side, laid level and at a size of 120 to 320 pixels a face, and takes the landmarks of the face that is found
        at the same place.
        """
        from mien.geometry.closeup import measured_in_closeup  # loads OpenCV, which a plugin may do without

        return [measured_in_closeup(image, face, self.extract) for face in faces]
