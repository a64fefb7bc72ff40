"""`mien train`: train a model on datasets, or go on with a run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.text import Text

from mien.errors import MienError
from mien.progress import Silent
from mien_cli.console import messages, results
from mien_cli.next_commands import uses
from mien_cli.progress import duration, shown_on
from mien_cli.settings import settings_of, table_of

if TYPE_CHECKING:
    from mien.training import LearningRates, TrainOptions, TrainReport

_LIST = "mien train --list-options"


def _list_options(wanted: bool) -> None:
    if wanted:
        from mien.training.options import TrainOptions

        results().print(table_of(settings_of(TrainOptions.model_json_schema())))
        raise typer.Exit


def train(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model, as deepfakes or deepfakes:preset=small.")
    ] = None,
    datasets: Annotated[
        list[Path] | None, typer.Argument(metavar="DATASET", help="Preprocessed datasets, one for each person.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="Folder of the run: record, checkpoints, metrics, previews."),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="SPEC", help="What the model draws from, as landmarks:points=28+thumbnail:size=8.")
    ] = "",
    recognizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What makes the encodings that a model sees, and tells people apart; encoding by default.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="model.KEY=VALUE or train.KEY=VALUE; may be given repeatedly."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Start of every random number.")] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="auto|no|bf16|fp16", help="Mixed precision; auto by default.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Stop at that step, counted from the run's start.", rich_help_panel="When to stop"
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Stop after that time.", rich_help_panel="When to stop")
    ] = None,
    on_nan: Annotated[
        str | None,
        typer.Option(
            metavar="stop|rollback",
            help="What to do if a loss is not finite; stop by default.",
            rich_help_panel="When to stop",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with RUN, exactly as if it had not stopped.")] = False,
    find_lr: Annotated[
        Path | None,
        typer.Option(
            "--find-lr",
            metavar="PLOT",
            help="Try rising learning rates for 100 steps, draw the losses there and suggest one. Leaves no run.",
        ),
    ] = None,
    _list: Annotated[
        bool,
        typer.Option("--list-options", callback=_list_options, is_eager=True, help="List what --set train.KEY takes."),
    ] = False,
) -> None:
    """Train MODEL on one DATASET for each person; Ctrl-C writes a checkpoint and stops.

    [bold]Examples[/bold]

      mien train deepfakes:preset=small anna ben --run anna-ben --minutes 30
      mien train latent anna --run anna-latent --features landmarks+thumbnail
      mien train --run anna-ben --resume --minutes 30
      mien train latent anna --features landmarks+thumbnail --find-lr rates.png
      accelerate launch -m mien_cli train deepfakes anna ben --run anna-ben
    """
    # When the command runs, so that `mien --help` need not wait for torch.
    from mien import training
    from mien.plugins.choice import PluginChoice, parse_choice
    from mien.plugins.run_location import RECORD

    # Under `accelerate launch` every process runs this; the first one talks.
    first = os.environ.get("RANK", "0") == "0"
    if find_lr is not None and (run is not None or resume):
        raise MienError("--find-lr leaves no run, and goes on with none.", "Leave out --run and --resume.")
    if find_lr is None and run is None:
        raise MienError("It was not said where the run is to be.", "--run RUN, in this command")
    with shown_on(messages()) as shown:
        progress = shown if first else Silent()
        if run is not None and resume:
            if model or features or recognizer or settings or seed is not None or precision:
                raise MienError(
                    f"{run} keeps its model, datasets and settings; only when to stop can be said anew.",
                    f"mien train --run {run} --resume",
                )
            report = training.resume(run, steps=steps, minutes=minutes, on_nan=on_nan, progress=progress)
        else:
            if model is None:
                if run is not None and (run / RECORD).is_file():
                    raise MienError(
                        f"No model was named, and {run} holds a run already.", _to_go_on(run, steps, minutes, on_nan)
                    )
                raise MienError("No model was named.", "mien plugins")
            choice = parse_choice(model)
            of_model, of_training = _by_owner(settings or [])
            named = {"seed": seed, "precision": precision, "steps": steps, "minutes": minutes, "on_nan": on_nan}
            of_training |= {key: str(value) for key, value in named.items() if value is not None}
            chosen = PluginChoice(choice.name, {**choice.settings, **of_model})
            options = _options(of_training)
            if run is None:
                rates = training.find_learning_rate(
                    chosen,
                    datasets or [],
                    features=features,
                    recognizer=recognizer,
                    options=options,
                    progress=progress,
                )
            else:
                report = training.train(
                    chosen,
                    datasets or [],
                    run,
                    features=features,
                    recognizer=recognizer,
                    options=options,
                    progress=progress,
                )
    if not first:
        return
    if find_lr is not None:
        rates.plot(find_lr)
        _suggest(rates, find_lr)
    else:
        _tell(report)


def _to_go_on(run: Path, steps: int | None, minutes: float | None, on_nan: str | None) -> str:
    named = {"--steps": steps, "--minutes": minutes, "--on-nan": on_nan}
    more = [f" {option} {value}" for option, value in named.items() if value is not None]
    return f"mien train --run {run} --resume{''.join(more)}"


def _suggest(rates: "LearningRates", plot: Path) -> None:
    """What the loss did at which rate, and what to set."""
    console = results()
    lowest, highest = rates.rates[0], rates.rates[-1]
    console.print(f"Tried {len(rates.rates)} learning rates from {lowest:.0e} to {highest:.1e}; see {plot}.")
    if rates.suggested is None:
        console.print("The loss falls at none of them.")
    else:
        console.print(f"Suggested: {rates.suggested:g}, a tenth of where the loss is lowest.")
        console.print(Text(f"--set model.learning_rate={rates.suggested:g}", "cyan"), soft_wrap=True)


def _by_owner(texts: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """`model.KEY=VALUE` and `train.KEY=VALUE`, apart."""
    owners: dict[str, dict[str, str]] = {"model": {}, "train": {}}
    for text in texts:
        key, equals, value = text.partition("=")
        owner, dot, name = key.strip().partition(".")
        if not (equals and dot and name and owner in owners):
            raise MienError(f"--set {text} is neither model.KEY=VALUE nor train.KEY=VALUE.", _LIST)
        owners[owner][name] = value.strip()
    return owners["model"], owners["train"]


def _options(settings: dict[str, str]) -> "TrainOptions":
    from mien.contracts.plugin import read_config
    from mien.training import TrainOptions

    return read_config(TrainOptions, settings, "training", shown_by=_LIST)


def _tell(report: "TrainReport") -> None:
    from mien import Model, Registry
    from mien.training.run import RunRecord

    console = results()
    record = RunRecord.read(report.run)
    model = cast(type[Model], Registry().load("model", record.model))
    console.print(
        f"Stopped at step {report.step} ({report.steps_here} of them now), after {duration(report.seconds)} in all: "
        f"{report.reason}."
    )
    next_commands = [
        ("Go on", f"mien train --run {report.run} --resume"),
        *uses(str(report.run), model.targets, record.people),
    ]
    for what, command in next_commands:
        console.print(Text.assemble((f"{what:5}  ", "bold"), (command, "cyan")), soft_wrap=True)
