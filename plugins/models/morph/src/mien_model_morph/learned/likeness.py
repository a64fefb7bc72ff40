"""The model `likeness`: photographs as `morph` draws with them, and looks that are learned beside them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Adam, Optimizer

from mien.contracts.model import Batch, Losses, ModelInputs, Recognize, Stage
from mien.contracts.target import TargetKind
from mien.layers import MovingAverage
from mien_model_morph.learned.drawing import Head, drawn_over, heads_of
from mien_model_morph.learned.looks import LearnedPerson, Looks, penalties
from mien_model_morph.learned.recognizing import recognizing
from mien_model_morph.learned.strangers import strangers
from mien_model_morph.model import Morph, MorphConfig, Person

_ENCODED, _ENCODED_EVERY = 32, 16
"""Of somebody's faces so many are encoded, and of the others one in so many."""


class LikenessConfig(MorphConfig):
    """Settings of the likeness model, beside those of morph."""

    presets = {"small": {"size": 64, "batch_size": 2, "strangers": 2, "lightness_side": 32, "restore": "none"}}

    steps: int = Field(default=240, ge=1)
    """Steps of training."""
    batch_size: int = Field(default=4, ge=1)
    """Faces of the run in a step, over which somebody is drawn."""
    strangers: int = Field(default=4, ge=0)
    """Faces of openpeople in a step beside these."""
    lightness_side: Literal[16, 32, 64, 128] = 64
    """Side in pixels at which lightness is learned."""
    lightness_rate: float = Field(default=0.3, gt=0)
    """Adam's learning rate of lightness, in CIELab's L."""
    moves_rate: float = Field(default=0.003, gt=0)
    """Adam's learning rate of the features' places, in distances between the eyes."""
    average_decay: float = Field(default=0.97, ge=0, lt=1)
    """Faces are drawn by a moving average of what is learned; so much of it stays at each step."""
    own: float = Field(default=1.0, ge=0)
    """Weight of the L1 error where somebody is drawn over a face of their own, beside the squared distance of
    encodings."""
    smooth: float = Field(default=1.2, ge=0)
    """Weight of the mean squared difference of neighboring pixels of the learned lightness, in the common frame."""
    little: float = Field(default=0.06, ge=0)
    """Weight of the mean square of the learned lightness."""
    still: float = Field(default=40.0, ge=0)
    """Weight of the mean square of the features' moves."""


class Likeness(Morph):
    """Draws people of the run with their photographs, which is `morph`, and with what is learned of their looks.

    A face drawn into somebody else's head is recognized less than the photograph that it was taken from: the head, its
    pose and its light are another's. So a lightness that is added to the texture, and where the features lie, are
    learned for each person, until the run's recognizer sees that person over faces of the run and of strangers. They
    are fixed numbers of a person: nothing is learned that could flicker, and drawing takes no longer than morph's.
    """

    Config = LikenessConfig
    config: LikenessConfig
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"known"})
    needs_fit: ClassVar[bool] = True
    recognizer = "sface"
    encodings: Tensor

    def __init__(self, config: MorphConfig | None, inputs: ModelInputs) -> None:
        super().__init__(config, inputs)
        settings = self.config
        self.looks = Looks(len(inputs.people), settings.lightness_side)
        self.average = MovingAverage(self.looks, settings.average_decay)
        self.register_buffer("encodings", torch.zeros(0))
        self._filmed: dict[int, Person] = {}

    def fit(self, faces: Iterable[Batch]) -> None:
        """Take the faces for the bank, as morph does, and note how the recognizer sees each person. See `Model.fit`."""
        seen: dict[int, list[Tensor]] = {}
        shown: Counter[int] = Counter()

        def noted() -> Iterable[Batch]:
            for batch in faces:
                self._note(batch, shown, seen)
                yield batch

        super().fit(noted())
        self._filmed = {}
        if seen:
            length = len(next(iter(seen.values()))[0])
            means = torch.zeros(len(self.inputs.people), length)
            for person, encodings in seen.items():
                means[person] = torch.stack(encodings).mean(0)
            self.encodings = means.to(self.owners.device)

    def _note(self, batch: Batch, shown: Counter[int], seen: dict[int, list[Tensor]]) -> None:
        """Encode faces of a batch: of somebody the first ones, and then every so many. shown: how many there were."""
        recognize, rows = recognizing(self), []
        for row, person in enumerate(batch.people.tolist()):
            if person >= 0 and bool(batch.landmarks[row].isfinite().all()):
                shown[person] += 1
                if shown[person] <= _ENCODED or shown[person] % _ENCODED_EVERY == 0:
                    rows.append(row)
        if rows:
            found = recognize(batch.images[rows], batch.landmarks[rows])
            for person, encoding in zip(batch.people[rows].tolist(), found, strict=True):
                seen.setdefault(person, []).append(encoding.cpu())

    def stages(self) -> Sequence[Stage]:
        """One stage; it ends."""
        return [Stage(self.config.size, self.config.batch_size, self.config.steps)]

    def optimizer(self, phase: str) -> Optimizer:
        """Adam over the looks."""
        config, looks = self.config, self.looks
        return Adam(
            [
                {"params": [looks.left], "lr": config.lightness_rate},
                {"params": [looks.moves], "lr": config.moves_rate},
            ],
            betas=(0.9, 0.99),
        )

    def after_step(self, phase: str) -> None:
        """Take the new looks into the average."""
        self.average.update(self.looks)
        self._people = {}

    def forward(self, batch: Batch, phase: str) -> Losses:
        """How far the recognizer is from seeing who is drawn, over faces of the batch and over strangers.

        Half of what is drawn over the batch's faces is whoever they are: of these the pixels are compared, too.
        Raises MienError if the run's recognizer has no network.
        """
        with torch.autocast(batch.images.device.type, enabled=False):
            return self._losses(batch, recognizing(self))

    def _losses(self, batch: Batch, recognize: Recognize) -> Losses:
        heads, people, own = self._to_be_drawn(batch)
        numbers = torch.tensor(people, dtype=torch.int64, device=batch.images.device)
        looks = (self.looks if self.training else self.average)(numbers)
        drawn = drawn_over(heads, [self._photographed(person) for person in people], looks, self)
        found, config = recognize(drawn.images, drawn.landmarks), self.config
        themselves = torch.tensor(own, device=numbers.device)
        area = (3 * drawn.shares[themselves].sum()).clamp_min(1)
        losses = {
            "identity": (found - self.encodings[numbers]).square().sum(1).mean(),
            "own": config.own * drawn.change[themselves].abs().sum() / area,
            **penalties(*looks, smooth=config.smooth, little=config.little, still=config.still),
        }
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _to_be_drawn(self, batch: Batch) -> tuple[list[Head], list[int], list[bool]]:
        """Over which heads, as whom, and whether that is whose head it is; in validation always the same."""
        known = torch.unique(self.owners.cpu()).tolist()
        heads = heads_of(batch)
        theirs = batch.people.tolist()
        count, config = len(heads), self.config
        cut = strangers(self.cut) if config.strangers else ()
        chosen = self._random(len(cut), config.strangers, 0) if cut else []
        others = self._random(len(known), count + len(chosen), 1)
        people = [known[other] for other in others]
        for row in range(0, count, 2):
            people[row] = theirs[row] if theirs[row] in known else people[row]
        heads += [cut[number] for number in chosen]
        own = [person == whose for person, whose in zip(people, [*theirs, *[-1] * len(chosen)], strict=True)]
        return heads, people, own

    def _random(self, below: int, count: int, first: int) -> list[int]:
        """So many numbers, random in training; else evenly spread, from `first` on."""
        if self.training:
            return torch.randint(below, (count,)).tolist()
        return [(first + number * max(below // max(count, 1), 1)) % below for number in range(count)]

    def _photographed(self, number: int) -> Person:
        """Somebody as their photographs show them."""
        if number not in self._filmed:
            self._filmed[number] = super()._known_person(number)
        return self._filmed[number]

    def _known_person(self, number: int) -> Person:
        one = torch.tensor([number], device=self.owners.device)
        with torch.no_grad(), torch.autocast(one.device.type, enabled=False):
            lightness, shape = self.average(one)
        return LearnedPerson(self._photographed(number), lightness[0, 0].cpu().numpy(), shape[0].cpu().numpy())

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As torch's. What was drawn from before is forgotten."""
        self._filmed = {}
        return super().load_state_dict(*args, **kwargs)
