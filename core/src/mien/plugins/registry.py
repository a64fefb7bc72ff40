"""Which plugins are installed, and how one is made from its name.

Discovery loads the entry points of the group `mien` and asks each for its specs; that imports no plugin class. What
does not load is kept with its reason and stops nobody else.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib import resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from mien.contracts.hooks import GROUP, RUN_CONTRACT, PluginSpec, RunSpec
from mien.errors import MienError
from mien.plugins.choice import PluginChoice, parse_choice
from mien.plugins.fault_place import how_to_mend, place_of
from mien.plugins.kinds import KINDS, RUN_HOOK, hookspecs, load
from mien.plugins.requirements import how_to_install, missing_requirements

if TYPE_CHECKING:  # it loads pydantic, which listing plugins does without
    from mien.contracts.plugin import Plugin, PluginConfig

PluginT = TypeVar("PluginT", bound="Plugin")


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """A plugin that registered itself."""

    kind: str
    spec: PluginSpec
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """The distribution and its version."""
        return f"{self.distribution} {self.version}"

    @property
    def module(self) -> str:
        """Of its class."""
        return self.spec.target.partition(":")[0]

    def __str__(self) -> str:
        return f"the {self.kind} {self.spec.name!r} of {self.origin}"


@dataclass(frozen=True, slots=True)
class InstalledRun:
    """A trained run that a distribution registered."""

    spec: RunSpec
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """The distribution and its version."""
        return f"{self.distribution} {self.version}"

    @property
    def folder(self) -> Path:
        """Where its files lie. Raises MienError if its package is gone or holds no run."""
        try:
            found = Path(str(resources.files(self.spec.package) / "run"))
        # A third party's package may raise anything while it is imported.
        except (Exception, SystemExit) as error:
            raise self._is_incomplete(f"{type(error).__name__}: {error}") from error
        if not found.is_dir():
            raise self._is_incomplete(f"{self.spec.package} has no folder run/")
        return found

    def _is_incomplete(self, reason: str) -> MienError:
        return MienError(
            f"The run {self.spec.name!r} of {self.origin} cannot be read: {reason}.",
            f"pip install --force-reinstall {self.distribution}",
        )


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin or run that cannot be used: its entry point did not load or answered its hook with something else than
    specs, or it was written for another version of its contract."""

    entry_point: str
    distribution: str
    version: str
    reason: str
    fix: str = ""
    """What to do about it, best a command."""


class Registry:
    """The plugins of this environment. Making a Registry is cheap; discovery runs at the first question.

    points: what to discover from; by default the installed distributions' entry points of the group `mien`.
    """

    def __init__(self, points: list[EntryPoint] | None = None) -> None:
        self._points = points

    @cached_property
    def _discovered(self) -> tuple[list[InstalledPlugin], list[InstalledRun], list[BrokenPlugin]]:
        points = self._points if self._points is not None else list(entry_points(group=GROUP))
        installed: list[InstalledPlugin] = []
        runs: list[InstalledRun] = []
        broken: list[BrokenPlugin] = []
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs())
        for point in sorted(points, key=lambda point: point.name):
            # Asked for once: each question reads and parses the whole file.
            metadata = point.dist.metadata if point.dist else {"Name": "?", "Version": "?"}
            distribution, version = metadata["Name"], metadata["Version"]
            try:
                plugin_specs, run_specs = _specs_of(point, manager)
            # A third party's module may raise anything while it is imported, or even exit as face_recognition does,
            # and none of it may stop the others.
            except (Exception, SystemExit) as error:
                missing = missing_requirements(distribution)
                # A TypeError comes of a spec that lacks what this version of mien asks for, the contract's number.
                again = "pip install --upgrade" if isinstance(error, TypeError) else "pip install --force-reinstall"
                mend = how_to_mend(error, point.module)
                fix = how_to_install(missing) if missing else mend or f"{again} {distribution}"
                reason = f"{type(error).__name__}: {error}{place_of(error, point.module)}"
                broken.append(BrokenPlugin(point.name, distribution, version, reason, fix))
                continue
            for kind, spec in plugin_specs:
                if spec.contract == KINDS[kind].contract:
                    installed.append(InstalledPlugin(kind, spec, distribution, version))
                else:
                    broken.append(_of_another_contract(spec, f"{kind}s", KINDS[kind].contract, distribution, version))
            for run in run_specs:
                if run.contract == RUN_CONTRACT:
                    runs.append(InstalledRun(run, distribution, version))
                else:
                    broken.append(_of_another_contract(run, "runs", RUN_CONTRACT, distribution, version))
        order = list(KINDS)
        installed.sort(key=lambda plugin: (order.index(plugin.kind), plugin.spec.name))
        runs.sort(key=lambda run: run.spec.name)
        return installed, runs, broken

    @property
    def plugins(self) -> list[InstalledPlugin]:
        """Every registered plugin, by kind and name; a name used twice is listed twice."""
        return list(self._discovered[0])

    @property
    def runs(self) -> list[InstalledRun]:
        """Every registered run, by name; a name used twice is listed twice."""
        return list(self._discovered[1])

    @property
    def broken(self) -> list[BrokenPlugin]:
        """Every entry point that did not load, with its reason."""
        return list(self._discovered[2])

    def names(self, kind: str) -> list[str]:
        """The names of a kind, sorted."""
        return sorted({plugin.spec.name for plugin in self.plugins if plugin.kind == kind})

    def default(self, kind: str) -> str:
        """The name of the plugin of a kind to take when the choice was left open.

        It is the only one installed; of several, the one that the project lists first in known_plugins.toml.
        Raises MienError if none is installed, or several of which the project knows none.
        """
        names, known = self.names(kind), known_distributions().get(kind, {})
        if not names:
            commands = [f"pip install {distribution}" for distribution in known.values()]
            raise MienError(f"No {kind} is installed.", commands[0] if commands else "mien plugins")
        first = names[0] if len(names) == 1 else next((name for name in known if name in names), None)
        if first is None:
            several = ", ".join(names)
            raise MienError(f"Several {kind}s are installed: {several}.", KINDS[kind].use.format(names[0]))
        return first

    def trouble(self, plugin: InstalledPlugin) -> tuple[str, str]:
        """Why a plugin cannot be used, and what to do about it; two empty texts if it can.

        It is imported and, if its settings alone make it, made with its own: that loads whatever it needs.
        """
        kind, name = plugin.kind, plugin.spec.name
        try:
            self.create(kind, name) if KINDS[kind].made_alone else self.load(kind, name)
        except MienError as error:
            return error.message, error.fix
        return "", ""

    def find(self, kind: str, name: str) -> InstalledPlugin:
        """The plugin of that kind and name.

        Raises MienError if there is none (with the nearest name, and the pip command where the project knows a
        distribution of that name) or if two distributions register it.
        """
        found = [plugin for plugin in self.plugins if plugin.kind == kind and plugin.spec.name == name]
        if len(found) > 1:
            both = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in found)
            raise MienError(
                f"Two distributions register the {kind} {name!r}: {both}.", f"pip uninstall {found[-1].distribution}"
            )
        if not found:
            raise self._unknown(kind, name)
        return found[0]

    def load(self, kind: str, name: str) -> "type[Plugin]":
        """Import the plugin's class. Raises MienError if it does not import or is not of that kind."""
        plugin = self.find(kind, name)
        try:
            loaded = load(plugin.spec.target)
        # Whatever a third party's module raises, its name and distribution have to be said.
        except (Exception, SystemExit) as error:
            missing = missing_requirements(plugin.distribution)
            needs = f". It needs {' and '.join(missing)}." if missing else ""
            why = f"{type(error).__name__}: {error}{place_of(error, plugin.module)}{needs}"
            again = how_to_mend(error, plugin.module) or f"pip install --force-reinstall {plugin.distribution}"
            raise MienError(
                f"{_begun(plugin)} does not import ({plugin.spec.target}): {why}",
                how_to_install(missing) if missing else again,
            ) from error
        base: type[Plugin] = load(KINDS[kind].base)
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise MienError(
                f"{plugin.spec.target} of {plugin.distribution} is not a mien.{base.__name__}, "
                f"but it is registered as {kind} {name!r}.",
                f"pip uninstall {plugin.distribution}",
            )
        return loaded

    def configure(
        self, kind: str, choice: str | PluginChoice, more: Mapping[str, Any] | None = None
    ) -> "tuple[type[Plugin], PluginConfig]":
        """The class and the checked configuration of `name:key=value,…`; `more` adds settings and wins.

        Raises MienError for an unknown plugin, an unknown setting or a value out of range.
        """
        from mien.contracts.plugin import read_config

        choice = parse_choice(choice) if isinstance(choice, str) else choice
        loaded = self.load(kind, choice.name)
        settings: dict[str, Any] = {**choice.settings, **(more or {})}
        return loaded, read_config(loaded.Config, settings, f"the {kind} {choice.name}")

    def create(self, kind: str, choice: str | PluginChoice, more: Mapping[str, Any] | None = None) -> "Plugin":
        """Make a plugin of `name:key=value,…`, of a kind that settings alone make.

        Raises MienError as `configure`, and if the plugin fails while it is constructed. A model is made by
        `mien.make_model`, since it needs to know the data.
        """
        choice = parse_choice(choice) if isinstance(choice, str) else choice
        loaded, config = self.configure(kind, choice, more)
        return self.made(kind, choice.name, lambda: loaded(config))

    def made(self, kind: str, name: str, make: Callable[[], PluginT]) -> PluginT:
        """What `make` makes of that plugin's class, with its origin noted.

        Raises MienError naming the plugin and its distribution if that fails.
        """
        plugin = self.find(kind, name)
        try:
            made = make()
        except MienError:
            raise
        except (Exception, SystemExit) as error:
            place = place_of(error, plugin.module)
            raise MienError(
                f"{_begun(plugin)} cannot be made: {type(error).__name__}: {error}{place}",
                f"mien plugins show {kind}/{name}",
            ) from error
        made.origin = plugin.origin
        return made

    def _unknown(self, kind: str, name: str) -> MienError:
        names = self.names(kind)
        elsewhere = [plugin.kind for plugin in self.plugins if plugin.spec.name == name]
        near = get_close_matches(name, names, n=1)
        if elsewhere:
            hint = f" {name!r} is a plugin of the kind {elsewhere[0]}."
        elif near:
            hint = f" Did you mean {near[0]!r}?"
        else:
            hint = f" Installed: {', '.join(names) or 'none'}."
        reasons = [b for b in self.broken if name in (b.entry_point, b.distribution.rpartition("-")[2])]
        if reasons:
            hint = f" {reasons[0].distribution} {reasons[0].version} does not load: {reasons[0].reason}."
        known = known_distributions().get(kind, {}).get(name)
        fix = reasons[0].fix if reasons else f"pip install {known}" if known else "mien plugins"
        return MienError(f"No {kind} named {name!r} is installed.{hint}", fix)


def known_distributions() -> dict[str, dict[str, str]]:
    """Distributions that the project knows of, installed or not: kind → plugin's name → distribution."""
    text = resources.files("mien.plugins").joinpath("known_plugins.toml").read_text(encoding="utf-8")
    return {**{kind: {} for kind in KINDS}, **tomllib.loads(text)}


def _specs_of(point: EntryPoint, manager: pluggy.PluginManager) -> tuple[list[tuple[str, PluginSpec]], list[RunSpec]]:
    """What one plugin answers. manager: with the hooks and nothing registered; it is left so."""
    plugin = point.load()
    try:
        manager.register(plugin)
        manager.check_pending()  # a misspelled hook would otherwise be ignored in silence
        return _answers(manager)
    finally:
        if manager.is_registered(plugin):  # a part of it may be, if one of its hooks is refused
            manager.unregister(plugin)


def _answers(manager: pluggy.PluginManager) -> tuple[list[tuple[str, PluginSpec]], list[RunSpec]]:
    found: list[tuple[str, PluginSpec]] = []
    runs: list[RunSpec] = []
    for kind in KINDS.values():
        for specs in getattr(manager.hook, kind.hook)():
            for spec in specs:
                if not isinstance(spec, kind.spec):
                    wanted = f"{kind.spec.__module__}.{kind.spec.__name__}"
                    raise TypeError(f"{kind.hook} returned {type(spec).__name__}, not {wanted}")
                found.append((kind.name, spec))
    for specs in getattr(manager.hook, RUN_HOOK)():
        for spec in specs:
            if not isinstance(spec, RunSpec):
                raise TypeError(f"{RUN_HOOK} returned {type(spec).__name__}, not {RunSpec.__module__}.RunSpec")
            runs.append(spec)
    if not found and not runs:
        hooks = [*(kind.hook for kind in KINDS.values()), RUN_HOOK]
        raise LookupError(f"answers none of the hooks {', '.join(hooks)}")
    return found, runs


def _of_another_contract(
    spec: PluginSpec | RunSpec, what: str, ours: int, distribution: str, version: str
) -> BrokenPlugin:
    reason = f"made for version {spec.contract} of the contract of {what}; this mien has {ours}"
    outdated = "mien-core" if spec.contract > ours else distribution
    return BrokenPlugin(spec.name, distribution, version, reason, f"pip install --upgrade {outdated}")


def _begun(plugin: InstalledPlugin) -> str:
    """The plugin as a sentence begins with it."""
    return f"T{str(plugin)[1:]}"
