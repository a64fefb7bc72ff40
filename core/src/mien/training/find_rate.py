"""Which learning rate suits a model and its data: a short training whose rate rises until the loss does, too."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mien.contracts.model import Model
from mien.errors import MienError
from mien.media.files import whole_file
from mien.plugins.choice import PluginChoice, parse_choice
from mien.plugins.registry import Registry
from mien.progress import Progress, Silent
from mien.training.global_state import leaving_global_state
from mien.training.loop import Loop
from mien.training.options import TrainOptions
from mien.training.trainer import begin

_LOWEST, _HIGHEST = 1e-6, 1.0
_SMOOTHING = 0.9
"""How much of the mean so far stays at each step."""
_WORSE = 3.0
"""Where the smoothed loss is so many times the best one, the end has come."""
_BELOW = 10.0
"""The suggested rate is that much lower than the one at which the loss is lowest: there it is about to rise."""


@dataclass(frozen=True, slots=True)
class LearningRates:
    """What `find_learning_rate` has tried."""

    rates: NDArray[np.float64]
    """(n,), rising: the rate of each step."""
    losses: NDArray[np.float64]
    """(n,): the loss of each step, as the mean of those before it and itself, the last ones most."""
    model: str
    """The model plugin's name."""

    @property
    def suggested(self) -> float | None:
        """A tenth of the rate at which the loss is lowest, to two digits; None if it does not fall."""
        lowest = int(np.argmin(self.losses))
        return float(f"{self.rates[lowest] / _BELOW:.1e}") if self.losses[lowest] < self.losses[0] else None

    def plot(self, path: Path) -> None:
        """Draw the losses over the rates, as PNG. Raises MienError if the file cannot be written."""
        figure = Figure((8, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, linewidth=1.6)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed", title=self.model)
        if self.suggested is not None:
            axes.axvline(self.suggested, color="black", linestyle=":", label=f"suggested: {self.suggested:g}")
            axes.legend(frameon=False)
        axes.grid(alpha=0.3)
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=100, metadata={"Software": None})
        with whole_file(path) as partial:
            partial.write_bytes(drawn.getvalue())


@leaving_global_state
def find_learning_rate(
    model: str | PluginChoice,
    datasets: Sequence[Path | str],
    *,
    features: str = "",
    recognizer: str | None = None,
    options: TrainOptions | None = None,
    steps: int = 100,
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> LearningRates:
    """Train for some steps while the rate rises from 10⁻⁶ to 1, each time by the same factor (Smith 2017,
    arXiv:1506.01186); it ends where the loss is three times as high as it was at its lowest. No run is left.

    model, datasets, features, recognizer, options, progress, registry: as of `mien.train`. steps: at most.
    Raises MienError as `mien.train`, and for a model whose loss does not tell how good it is.
    """
    registry = registry or Registry()
    choice = parse_choice(model) if isinstance(model, str) else model
    of_model = cast(type[Model], registry.load("model", choice.name))
    if not of_model.lowers_rate_on_plateau or len(of_model.phases) > 1:
        raise MienError(
            f"The losses of {choice.name} do not tell how good it is, so no learning rate can be found by them.",
            f"mien train {choice.name} … --set model.learning_rate=0.0001, and look at the previews",
        )
    options = (options or TrainOptions()).model_copy(
        update={"steps": None, "minutes": None, "schedule": "constant", "warmup": 0, "compile": False}
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = begin(choice, datasets, Path(folder), features, recognizer, options, registry)
        told = progress or Silent()
        begun.fit(told)
        loop = Loop(begun.accelerator, begun.model, choice.name, begun.data, begun.options, Path(folder), told)
        rates = np.geomspace(_LOWEST, _HIGHEST, steps)
        smoothed: list[float] = []
        mean = 0.0
        for number, loss in enumerate(loop.ramp(rates.tolist())):
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
            smoothed.append(mean / (1 - _SMOOTHING ** (number + 1)))
            if smoothed[-1] > _WORSE * min(smoothed):
                break
    if not smoothed:
        raise MienError("The first loss is not finite already.", f"mien plugins check model/{choice.name}")
    return LearningRates(rates[: len(smoothed)], np.array(smoothed), choice.name)
