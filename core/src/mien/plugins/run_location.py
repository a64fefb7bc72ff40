"""Where a run lies that the user named: a folder, or a run that a distribution brought."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mien.errors import MienError
from mien.plugins.registry import InstalledRun, Registry

RECORD = "run.toml"
"""What makes a folder a run."""


@dataclass(frozen=True, slots=True)
class RunLocation:
    """Where a run lies."""

    path: Path
    """What the user calls it: its folder, or the name of an installed run."""
    folder: Path
    """Where its files lie."""
    installed: InstalledRun | None = None
    """The installed run, if it is one: nothing is written beside it."""

    @property
    def again(self) -> str:
        """What to do if its files are damaged or missing."""
        if self.installed:
            return f"pip install --force-reinstall {self.installed.distribution}"
        return f"mien train --run {self.path} --resume"


def locate_run(run: Path | str, registry: Registry) -> RunLocation:
    """Find a run by its folder or by the name of an installed one; a folder that is a run wins.

    Raises MienError if there is neither, with the nearest name, or if two distributions register a run of that name.
    """
    path, name = Path(run), str(run)
    if (path / RECORD).is_file():
        return RunLocation(path, path)
    if is_installed(name, registry):
        installed = find_run(name, registry)
        return RunLocation(path, installed.folder, installed)
    if path.exists():
        raise MienError(f"{path} is not a run: it has no {RECORD}.", f"mien train MODEL DATASET --run {path}")
    raise unknown_run(path, registry)


def is_installed(name: str, registry: Registry) -> bool:
    """Whether a distribution, or two of them, brought a run of that name."""
    return any(run.spec.name == name for run in registry.runs)


def find_run(name: str, registry: Registry) -> InstalledRun:
    """The installed run of that name. Raises MienError if there is none, or two distributions register it."""
    found = [run for run in registry.runs if run.spec.name == name]
    if len(found) > 1:
        both = " and ".join(run.origin for run in found)
        raise MienError(
            f"Two distributions register the run {name!r}: {both}.", f"pip uninstall {found[-1].distribution}"
        )
    if not found:
        raise unknown_run(Path(name), registry)
    return found[0]


def unknown_run(path: Path, registry: Registry, models: Callable[[], Iterable[str]] | None = None) -> MienError:
    """What to say of a run that is not there, with the nearest name.

    models: where a model that needs no run will do as well, those that there are.
    """
    name = str(path) if models is None else str(path).partition(":")[0]
    what = "run" if models is None else "run or model"
    message = f"{path} is not a run: there is no such folder, and no {what} of that name is installed."
    distribution = f"mien-run-{name.replace('_', '-')}"
    for broken in registry.broken:
        if broken.entry_point == name or broken.distribution == distribution:
            return MienError(f"{message} {broken.distribution} cannot be used: {broken.reason}.", broken.fix)
    there = sorted({*(run.spec.name for run in registry.runs), *_folders_beside(path)})
    known = there if models is None else [*there, *registry.names("model")]
    near = get_close_matches(name, known, n=1)
    if near:
        return MienError(f"{message} Did you mean {near[0]!r}?", "mien runs" if near[0] in there else "mien plugins")
    there += models() if models else ()
    if there:
        hint = "mien runs" if models is None else "mien runs, or mien plugins"
        return MienError(f"{message} There are: {', '.join(there)}.", hint)
    return MienError(message, f"mien train MODEL DATASET --run {path}")


def _folders_beside(path: Path) -> Iterable[str]:
    """The runs in the folder in which the user looked for one."""
    return (str(record.parent) for record in path.parent.glob(f"*/{RECORD}"))
