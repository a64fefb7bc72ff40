"""Which runs there are, installed or in folders, and what each draws; nothing heavy is loaded to say that."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.errors import MienError
from mien.plugins.registry import InstalledRun, Registry
from mien.plugins.run_location import RECORD, find_run, locate_run

NOT_STATED = "not stated"
"""A license that nobody told."""
_MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run, as a list of runs shows it."""

    name: str
    """What the user types for it: a name, or a folder."""
    distribution: str
    """What brought it; empty for a folder."""
    version: str
    model: str
    draws: str
    """Whom it draws, in words."""
    license: str
    """Under which its weights stand."""
    data_license: str
    """Under which the data stand that it was trained on."""
    problem: str = ""
    """Why it cannot be used; empty if nothing speaks against it."""
    fix: str = ""


def list_runs(folders: Sequence[Path] = (), registry: Registry | None = None) -> list[RunSummary]:
    """Runs, one after the other: those that are installed, by name, or else those of some folders.

    folders: runs, or folders that hold some; none: the installed ones. What cannot be used is listed with its reason.
    Raises MienError for a folder that is no run and holds none.
    """
    registry = registry or Registry()
    if not folders:
        return [_installed(run, registry) for run in registry.runs]
    return [_folder(run, registry) for folder in folders for run in _runs_of(folder, registry)]


def targets_in_words(targets: Sequence[str], people: Sequence[str]) -> str:
    """Whom a run draws. targets: as of `Model.targets`. people: those it draws by name."""
    words = {
        "known": people_in_words(people) or "the people it was trained on",
        "reference": "whoever a reference image shows",
        "synthetic": "people who do not exist",
    }
    drawn = [words[target] for target in words if target in targets]
    return ", or ".join(drawn) or "nobody knows whom"


def people_in_words(people: Sequence[str]) -> str:
    """Their names, or how many they are; empty for none."""
    if len(people) > _MOST_NAMES:
        return f"{len(people)} people by name"
    return " and ".join(filter(None, (", ".join(people[:-1]), *people[-1:])))


def _installed(run: InstalledRun, registry: Registry) -> RunSummary:
    spec = run.spec
    try:
        find_run(spec.name, registry)  # whose error names both, if it is there twice
        values = _record(run.folder)
        problem = _missing(values, registry)
    except MienError as error:
        values, problem = {}, (error.message, error.fix)
    return RunSummary(
        spec.name,
        run.distribution,
        run.version,
        str(values.get("model", "")),
        _draws(values) if values else spec.summary,
        spec.license,
        spec.data_license,
        *problem,
    )


def _folder(folder: Path, registry: Registry) -> RunSummary:
    try:
        values = _record(folder)
        problem = _missing(values, registry)
    except MienError as error:
        values, problem = {}, (error.message, error.fix)
    weights, data = (str(values.get(key) or NOT_STATED) for key in ("license", "data_license"))
    return RunSummary(str(folder), "", "", str(values.get("model", "")), _draws(values), weights, data, *problem)


def _runs_of(folder: Path, registry: Registry) -> Iterator[Path]:
    inner = sorted(record.parent for record in folder.glob(f"*/{RECORD}"))
    if inner and not (folder / RECORD).is_file():
        yield from inner
    else:
        yield locate_run(folder, registry).path


def _record(folder: Path) -> dict[str, Any]:
    """What run.toml says, unchecked: checking it loads torch."""
    path = folder / RECORD
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MienError(f"{path} cannot be read: {error}.", f"ls -l {folder}") from error
    if values.get("format_version") == 1:
        raise MienError(f"{folder} was made by an earlier mien, whose runs this one does not read.", "mien train")
    return values


def _draws(values: dict[str, Any]) -> str:
    people = [str(name) for name in values.get("people", [])]
    return targets_in_words(values.get("targets") or (["known"] if people else []), people)


def _missing(values: dict[str, Any], registry: Registry) -> tuple[str, str]:
    """What to install, if a plugin of the run is not there."""
    missing = [
        plugin
        for plugin in values.get("plugins", [])
        if plugin.get("name") not in registry.names(str(plugin.get("kind")))
    ]
    if not missing:
        return "", ""
    needs = " and ".join(f"the {plugin['kind']} {plugin['name']!r} of {plugin['distribution']}" for plugin in missing)
    distributions = dict.fromkeys(f"'{plugin['distribution']}=={plugin['version']}'" for plugin in missing)
    return f"It needs {needs}, which is not installed.", f"pip install {' '.join(distributions)}"
