"""A run without what only training needs, in half precision, to be handed on."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mien.contracts.plugin import without_folders
from mien.errors import MienError
from mien.media.files import whole_folder
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry
from mien.sharing.card import write_card
from mien.training.run import RunRecord, TrainedRun
from mien.training.weights import write_weights


def export_run(
    run: Path | str,
    out: Path,
    *,
    license: str = "",
    data_license: str = "",
    registry: Registry | None = None,
) -> Path:
    """Write a run that draws and tells nothing of the machine it was trained on.

    run: folder of a trained run, or the name of an installed one. out: the folder to write: run.toml,
    model.safetensors, card.md, and figures.json if the run was evaluated. No checkpoints, metrics or previews; no
    children that the model names in `unsaved`; no path, and no file of weights of the user's (see `WeightsFile`), of
    which name and digest stay. Parameters are float16 where that does no harm. The names of people and datasets stay.
    license, data_license: under which its weights, and the data that it was trained on, may be used; "": what an
    exported run says already, or "not stated". registry: where plugins are looked for; None: all installed.

    Returns the folder. It appears whole or not at all.
    Raises MienError if the run cannot be opened, the folder is there already or may not be written, or a setting of the
    run is a path.
    """
    registry = registry or Registry()
    opened = TrainedRun.open(run, registry)
    if out.exists():
        raise MienError(f"{out} is there already.", f"mien export {run} --out ANOTHER")
    record = exported_record(opened, license=license, data_license=data_license)
    with whole_folder(out) as partial:
        write_exported(partial, opened, record, name=opened.path.name, use=str(out), registry=registry)
    return out


def write_exported(folder: Path, run: TrainedRun, record: RunRecord, *, name: str, use: str, registry: Registry) -> str:
    """Fill a folder with the exported run; returns its card.

    name: what the card calls it. use: what its commands call it.
    """
    record.write(folder)
    write_weights(folder, run.model, half=True)
    return write_card(folder, run, record, name=name, use=use, registry=registry)


def exported_record(run: TrainedRun, *, license: str = "", data_license: str = "") -> RunRecord:
    """The record of a run without any path. Raises MienError if a plugin's setting is one."""
    record = run.record
    recognizer = record.recognizer
    if recognizer:
        recognizer = recognizer.model_copy(update={"choice": without_folders(recognizer.choice)})
    exported = record.model_copy(
        update={
            "settings": _without_folders(record.settings),
            "extractor": without_folders(record.extractor),
            "masker": without_folders(record.masker),
            "features": without_folders(record.features),
            "recognizer": recognizer,
            "targets": sorted(run.model.targets),
            "datasets": [dataset.model_copy(update={"path": None}) for dataset in record.datasets],
            "options": record.options.model_copy(update={"init_from": None}),
            "license": license or record.license,
            "data_license": data_license or record.data_license,
        }
    )
    for plugin, setting, value in _settings(exported):
        if _is_path(value):
            raise MienError(
                f"{plugin} of {run.path} has the setting {setting}={value}: a path of this machine, leading nowhere "
                "on another and tells how this one's disk is laid out.",
                "Give that setting the type mien.contracts.plugin.WeightsFile if it is a file of weights; else train "
                "with a path relative to the current folder.",
            )
    return exported


def _without_folders(value: Any) -> Any:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    if isinstance(value, dict):
        return {key: _without_folders(part) for key, part in value.items()}
    return value


def _settings(record: RunRecord) -> Iterator[tuple[str, str, str]]:
    """Plugin, name and value of each setting that is text."""
    for key, value in record.settings.items():
        yield from ((f"The model {record.model}", key, text) for text in _texts(value))
    chosen = {
        "extractor": record.extractor,
        "masker": record.masker,
        "feature": record.features,
        "recognizer": record.recognizer.choice if record.recognizer else "",
    }
    for kind, choices in chosen.items():
        for choice in parse_choices(choices):
            yield from ((f"The {kind} {choice.name}", key, value) for key, value in choice.settings.items())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _is_path(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute() or text.startswith("~")
