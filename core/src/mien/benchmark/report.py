"""What was measured, beside what it could be, and as a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mien.benchmark.step_profile import KINDS, share_of_products
from mien.errors import MienError

_Positive = Annotated[float, Field(gt=0.0)]


class Machine(BaseModel):
    """Where it was measured."""

    model_config = ConfigDict(frozen=True)

    processor: str
    cores: int
    """That this process may use."""
    system: str
    versions: dict[str, str]
    """Python and the libraries that compute: name → version."""
    load: float
    """How many threads of all processes wanted a core in the minute before, on the mean."""
    measured_on: str
    """The day, as 2026-11-26."""


class StageTime(BaseModel):
    """One stage by itself, with one thread of its own; a codec uses those that it likes."""

    model_config = ConfigDict(frozen=True)

    stage: str
    """decode, encode, extract, search, align, mask, feature, generate or blend."""
    what: str
    """The plugin choice; of a codec its name."""
    milliseconds: _Positive
    """Of processor time for a frame or face; the median."""


class WholeTime(BaseModel):
    """A whole job, with all cores, from the call on: without Python's imports."""

    model_config = ConfigDict(frozen=True)

    what: str
    frames: int
    seconds: _Positive
    """From begin to end; the median."""
    processor_seconds: _Positive
    """In all threads and processes of it."""
    slowest_stage: str
    """Of the stages of the job the one that takes longest by itself,"""
    slowest_milliseconds: _Positive
    """and how much processor time it takes for a frame."""

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds

    def limit(self, cores: int) -> float:
        """Frames a second if the slowest stage alone had all cores."""
        return cores * 1000 / self.slowest_milliseconds

    @property
    def attainable(self) -> float:
        """Share of the limit that is reached where no other work takes the cores and none of them ever waits."""
        return self.frames * self.slowest_milliseconds / (1000 * self.processor_seconds)

    def busy(self, cores: int) -> float:
        """Share of the cores' time that the job has used, in [0, 1]; less where other work takes some of it."""
        return self.processor_seconds / (cores * self.seconds)


class TrainTime(BaseModel):
    """Training of one model at its last stage, with all cores, or on the card."""

    model_config = ConfigDict(frozen=True)

    what: str
    """The model, as a plugin choice."""
    resolution: int
    batch_size: int
    precision: str
    """no, bf16 or fp16."""
    bare_milliseconds: _Positive
    """A step by itself, all phases, on one batch again and again; the median."""
    loop_milliseconds: _Positive
    """A step within the loop: with its batches, checks and metrics; the median, measured in turns with the others."""
    gflop: _Positive
    """Multiplications and additions of a step, in 10⁹."""
    peak_gflops: _Positive
    """GFLOP/s of a large 3×3 convolution in the same precision."""
    peak_memory_mb: float | None
    """While the loop ran, in 2²⁰ bytes: of the card; without one, of the process. None: not known."""

    shares: dict[str, float] | None = None
    """What a bare step's time goes to: kind of operation, of `KINDS`, → share in [0, 1]. None: it was not profiled."""

    @property
    def share_of_peak_in_products(self) -> float | None:
        """What convolutions and matrix products reach of the peak while they run; None: it was not profiled."""
        if self.shares is None:
            return None
        seconds = share_of_products(self.shares) * self.bare_milliseconds / 1000
        return self.gflop / seconds / self.peak_gflops if seconds else None

    @property
    def share(self) -> float:
        """How much of the bare step's speed the loop reaches."""
        return self.bare_milliseconds / self.loop_milliseconds

    @property
    def rate(self) -> float:
        """Faces a second, in the loop."""
        return 1000 * self.batch_size / self.loop_milliseconds

    @property
    def gflops(self) -> float:
        """GFLOP/s, in the loop."""
        return 1000 * self.gflop / self.loop_milliseconds

    @property
    def share_of_peak(self) -> float:
        """How much of the convolution peak that is."""
        return self.gflops / self.peak_gflops


class BenchReport(BaseModel):
    """All that was measured."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    clip: str
    width: int
    height: int
    frames: int
    """Of the clip that were used for the stages."""
    stages: list[StageTime]
    training: list[TrainTime] = []
    whole: list[WholeTime]
    peak_memory_mb: float
    """Of the process that measured, in 2²⁰ bytes."""
    left_out: dict[str, str]
    """What could not be measured → why."""

    @classmethod
    def read(cls, path: Path) -> "BenchReport":
        """A report that was written as JSON. Raises MienError if it is none."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            why = str(error).splitlines()[0]
            raise MienError(f"{path} is no report of a benchmark: {why}", "mien bench CLIP --json FILE") from error

    def ratios(self, before: "BenchReport") -> dict[tuple[str, str], float]:
        """How much processor time each stage and whole job takes by what it took in another report.

        Those that stand in both: (stage, what) → ratio, 1 for as long; of a whole job the stage is "whole", and the
        ratio is that of the processor time for a frame; of a training it is "training", and the ratio is that of the
        time a face takes in the loop, on the clock.
        """
        own, other = (dict(_times(report)) for report in (self, before))
        return {key: time / other[key] for key, time in own.items() if key in other}

    def page(self) -> str:
        """The report as a page of Markdown."""
        machine, cores = self.machine, self.machine.cores
        versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
        lines = [
            "# How fast it is",
            "",
            f"Written by `mien bench` on {machine.measured_on}: {machine.processor}, {cores} cores, {machine.system}; "
            f"{versions}. In the minute before, {machine.load:.1f} threads of all processes wanted a core.",
            "",
            f"The clip is `{self.clip}`, {self.width}×{self.height}. Figures are medians of processor time, which "
            "other work on the machine changes less than frames a second.",
            "",
            "## Stages by themselves",
            "",
            f"The milliseconds of one core that a frame takes, or a face where faces are counted, over {self.frames} "
            "frames.",
            "",
            *_table(
                ("stage", "what", "ms"),
                [(one.stage, f"`{one.what}`", f"{one.milliseconds:.2f}") for one in self.stages],
            ),
        ]
        if self.training:
            lines += [
                "",
                "## Training",
                "",
                f"A step of each model at its last stage, on the clip's faces, with all {cores} cores or on the card: "
                "by itself, on one batch again and again, and within the loop, which also makes batches, looks whether "
                "all numbers are finite and writes metrics. Medians of time on the clock, so other work on the machine "
                "counts; the two were measured in turns of some steps. The peak is that of a large 3×3 convolution, "
                "forward and backward, in the same precision; memory is the card's, or else that of the whole process.",
                "",
                *_table(
                    ("model", "px", "faces a step", "precision", "ms a step, bare", "in the loop", "share", "faces/s",
                     "GFLOP/s", "peak", "share of it", "memory, MB"),
                    [_training_row(one) for one in self.training],
                ),
            ]  # fmt: skip
        if any(one.shares for one in self.training):
            lines += [
                "",
                "### What a bare step's time goes to",
                "",
                "By torch's profiler, in shares of the step: convolutions forward and backward; matrix products, which "
                "linear layers and convolutions at few places are; normalization; what is computed value by value, "
                "losses and augmentation among it; copies, which change dtype or order of values; optimizer and moving "
                "averages; and what is between operations. The last column is how much of the convolution peak the "
                "first three reach while they run: a step gets no nearer to the peak than that, less what the others "
                "take.",
                "",
                *_table(("model", *KINDS, "peak in products"), list(_profile_rows(self.training))),
            ]
        if self.whole:
            lines += [
                "",
                "## Whole jobs",
                "",
                f"With all {cores} cores, without Python's imports. The limit is what the slowest stage alone would "
                "reach, at every frame, if it had all cores; `busy` is the share of the cores' time that the job had, "
                "and `attainable` the share of the limit that it would reach with all of it.",
                "",
                *_table(
                    ("job", "frames", "frames/s", "ms of processor time a frame", "slowest stage", "its limit",
                     "share of it", "busy", "attainable"),
                    [_whole_row(one, cores) for one in self.whole],
                ),
                "",
                f"Peak memory of the process: {self.peak_memory_mb:.0f} MB.",
            ]  # fmt: skip
        if self.left_out:
            lines += ["", "## Not measured", "", *(f"- {what}: {why}" for what, why in self.left_out.items())]
        return "\n".join(lines) + "\n"


def _times(report: BenchReport) -> Iterator[tuple[tuple[str, str], float]]:
    for stage in report.stages:
        yield (stage.stage, stage.what), stage.milliseconds
    for training in report.training:
        yield ("training", training.what), training.loop_milliseconds / training.batch_size
    for whole in report.whole:
        yield ("whole", whole.what), 1000 * whole.processor_seconds / whole.frames


def _training_row(one: TrainTime) -> tuple[str, ...]:
    return (
        f"`{one.what}`",
        f"{one.resolution}",
        f"{one.batch_size}",
        one.precision,
        f"{one.bare_milliseconds:.1f}",
        f"{one.loop_milliseconds:.1f}",
        f"{one.share:.0%}",
        f"{one.rate:.0f}",
        f"{one.gflops:.0f}",
        f"{one.peak_gflops:.0f}",
        f"{one.share_of_peak:.0%}",
        "–" if one.peak_memory_mb is None else f"{one.peak_memory_mb:.0f}",
    )


def _profile_rows(training: Sequence[TrainTime]) -> Iterator[tuple[str, ...]]:
    for one in training:
        if one.shares is not None:
            reached = one.share_of_peak_in_products
            shares = (f"{one.shares[kind]:.0%}" for kind in KINDS)
            yield (f"`{one.what}`", *shares, "–" if reached is None else f"{reached:.0%}")


def _whole_row(one: WholeTime, cores: int) -> tuple[str, ...]:
    limit = one.limit(cores)
    return (
        f"`{one.what}`",
        f"{one.frames}",
        f"{one.rate:.1f}",
        f"{1000 * one.processor_seconds / one.frames:.1f}",
        one.slowest_stage,
        f"{limit:.1f}",
        f"{one.rate / limit:.0%}",
        f"{one.busy(cores):.0%}",
        f"{one.attainable:.0%}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
