"""`mien plugins`: which plugins are installed, what the settings of one are, and a new one to begin with."""

import json
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from mien.errors import MienError
from mien.plugins.kinds import KINDS
from mien_cli.console import messages, results
from mien_cli.plugin_tables import doubled_names, print_broken, print_checks, print_doubled, print_plugin, print_plugins
from mien_cli.settings import Setting, as_typed, settings_of, table_of

if TYPE_CHECKING:
    from mien.contracts.plugin import Plugin
    from mien.plugins.registry import BrokenPlugin, InstalledPlugin, Registry

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")

_TARGETS = {
    "known": "people it was trained on (mien swap)",
    "reference": "people whom an image shows (mien swap)",
    "synthetic": "people who do not exist (mien anonymize)",
}
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.callback()
def plugins(
    context: typer.Context,
    as_json: Json = False,
    try_each: Annotated[
        bool, typer.Option("--check", help="Import and make each plugin, to see whether it can be used.")
    ] = False,
) -> None:
    """List the installed plugins, and those that cannot be used with the reason.

    Nothing is imported but their registrations; --check imports and makes each of them.

    [bold]Examples[/bold]

      mien plugins
      mien plugins --check
      mien plugins --json
      mien plugins show landmarks
      mien plugins check landmarks
      mien plugins new feature brightness
    """
    if context.invoked_subcommand is not None:
        return
    from mien.plugins.registry import Registry  # when the command runs, so that `mien --help` need not wait for it

    registry = Registry()
    unusable = _unusable(registry) if try_each else []
    if as_json:
        typer.echo(json.dumps(_as_data(registry, unusable), indent=2, ensure_ascii=False))
        return
    console = results()
    if not registry.plugins:
        console.print("No plugins are installed. Try: pip install mien")
    else:
        print_plugins(registry.plugins, console)
    print_doubled(registry.plugins, console)
    print_broken([*registry.broken, *unusable], console)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What users will type: lower case, digits, underscores.")],
    folder: Annotated[Path | None, typer.Option(help="Where to write it; mien-KIND-NAME by default.")] = None,
) -> None:
    """Write a plugin of your own to begin with: a package that installs, passes its tests and runs as it is.

    [bold]Examples[/bold]

      mien plugins new model mine
      mien plugins new feature brightness --folder brightness
    """
    from mien.template import new_plugin

    written = new_plugin(kind, name, folder)
    console = results()
    for path in sorted(path for path in written.rglob("*") if path.is_file()):
        console.print(Text(f"  {path}"), soft_wrap=True)
    for heading, command in (
        ("Install ", f"pip install -e '{written}[test]'"),
        ("Check   ", f"mien plugins check {kind}/{name}"),
        ("Settings", f"mien plugins show {kind}/{name}"),
    ):
        console.print(Text.assemble((f"{heading}  ", "bold"), (command, "cyan")), soft_wrap=True)


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="The plugin's name, or kind/name; settings after it, as in mine:width=4.")
    ],
    as_json: Json = False,
) -> None:
    """Run the tests that every plugin of its kind has to pass on an installed one. Exits with 1 if one fails.

    A model is tested with its preset `small`, if it has one; settings of your own make it smaller
    still. It needs pytest.

    [bold]Examples[/bold]

      mien plugins check feather
      mien plugins check model/mine:width=4
    """
    from mien.plugins.registry import Registry
    from mien.testing import check_plugin

    named, colon, settings = name.partition(":")
    kind, plugin = _kind_and_name(Registry(), named)
    from mien_cli.progress import shown_on  # the list of plugins does without

    with shown_on(messages()) as progress:
        checks = check_plugin(kind, f"{plugin}{colon}{settings}", progress)
    failed = sum(check.outcome == "failed" for check in checks)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        print_checks(checks, results())
        skipped = sum(check.outcome == "skipped" for check in checks)
        ran = len(checks) - skipped
        outcome = f"{failed} of {ran} checks failed" if failed else f"All {ran} checks passed"
        rest = f"; {skipped} do not apply." if skipped else "."
        results().print(Text(f"{kind} {plugin}: {outcome}{rest}", "bold red" if failed else "bold green"))
    if failed:
        raise typer.Exit(1)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The plugin's name, or kind/name, as in feature/landmarks.")],
    as_json: Json = False,
) -> None:
    """Show one plugin: where it comes from, its settings with types, defaults and limits, and how to use it.

    [bold]Examples[/bold]

      mien plugins show deepfakes
      mien plugins show feature/landmarks
    """
    from mien.plugins.registry import Registry

    registry = Registry()
    kind, name = _kind_and_name(registry, name)
    plugin = registry.find(kind, name)
    loaded = registry.load(kind, name)
    config = loaded.Config
    schema = config.model_json_schema()
    settings = settings_of(schema)
    if as_json:
        data = {
            **_plugin_as_data(plugin),
            **_model_as_data(loaded),
            "use": _use(plugin, loaded, settings),
            "settings": schema,
            "presets": config.presets,
        }
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    console = results()
    print_plugin(plugin, _model_facts(loaded), console)
    if settings:
        console.print(table_of(settings))
    else:
        console.print("It has no settings.\n")
    for preset, chosen in config.presets.items():
        values = ", ".join(f"{key}={as_typed(value)}" for key, value in chosen.items())
        console.print(Text.assemble((f"preset={preset}", "bold cyan"), f"  {values}\n"))
    console.print(Text.assemble(("Use  ", "bold"), (_use(plugin, loaded, settings), "cyan")), soft_wrap=True)


def _kind_and_name(registry: "Registry", asked: str) -> tuple[str, str]:
    from mien.plugins.registry import known_distributions

    kind, slash, name = asked.rpartition("/")
    if slash:
        if kind not in KINDS:
            raise MienError(f"{kind!r} is no kind of plugin.", f"One of {', '.join(KINDS)}, as in feature/{name}.")
        return kind, name
    kinds = list(dict.fromkeys(plugin.kind for plugin in registry.plugins if plugin.spec.name == asked))
    if len(kinds) > 1:
        raise MienError(
            f"Plugins of several kinds are named {asked!r}: {' and '.join(kinds)}.",
            f"mien plugins show {kinds[0]}/{asked}",
        )
    if not kinds:  # whose error says most: of a kind that has such a name elsewhere, or one near it
        kinds = [kind for kind in KINDS if asked in known_distributions()[kind]]
        near = get_close_matches(asked, [plugin.spec.name for plugin in registry.plugins], n=1)
        kinds += [plugin.kind for plugin in registry.plugins if plugin.spec.name in near]
    if not kinds:
        installed = ", ".join(plugin.spec.name for plugin in registry.plugins) or "none"
        raise MienError(f"No plugin named {asked!r} is installed. Installed: {installed}.", "mien plugins")
    return kinds[0], asked


def _unusable(registry: "Registry") -> list["BrokenPlugin"]:
    """Those that are registered well, but cannot be imported or made."""
    from mien.plugins.registry import BrokenPlugin

    doubled, found = doubled_names(registry.plugins), []
    with messages().status("Trying each plugin …"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for plugin in registry.plugins:
            if (plugin.kind, plugin.spec.name) in doubled:
                continue
            with redirect_stdout(sys.stderr):  # stdout is for the list alone
                reason, fix = registry.trouble(plugin)
            if reason:
                found.append(BrokenPlugin(plugin.spec.name, plugin.distribution, plugin.version, reason, fix))
    return found


def _model_as_data(loaded: "type[Plugin]") -> dict[str, Any]:
    """What a model says of itself; nothing for a plugin of another kind."""
    facts = {name: getattr(loaded, name) for name in ("people", "needs_features", "targets") if hasattr(loaded, name)}
    return {name: sorted(fact) if isinstance(fact, frozenset) else fact for name, fact in facts.items()}


def _model_facts(loaded: "type[Plugin]") -> dict[str, str]:
    """The same in words."""
    facts = _model_as_data(loaded)
    if not facts:
        return {}
    fewest, most = facts["people"]
    how_many = str(fewest) if most == fewest else f"{fewest} to {most or 'any number of'}"
    return {
        "Draws": ", ".join(whom for kind, whom in _TARGETS.items() if kind in facts["targets"]),
        "Trained on": f"{how_many} {'person' if most == 1 else 'people'}",
        "From features": "yes: --features names them" if facts["needs_features"] else "no",
    }


def _use(plugin: "InstalledPlugin", loaded: "type[Plugin]", settings: list[Setting]) -> str:
    """A command line with the plugin in it, with its first setting at its default as an example."""
    name = plugin.spec.name
    first = next((setting for setting in settings if setting.default != "none"), None)
    choice = f"{name}:{first.name}={first.default}" if first else name
    if plugin.kind == "model":
        fewest = getattr(loaded, "people", (1, None))[0]
        datasets = " ".join(f"DATASET_{number + 1}" for number in range(fewest)) if fewest > 1 else "DATASET"
        features = " --features SPEC" if getattr(loaded, "needs_features", False) else ""
        return f"mien train {choice} {datasets} --run RUN{features}"
    return KINDS[plugin.kind].use.format(choice)


def _as_data(registry: "Registry", unusable: list["BrokenPlugin"]) -> dict[str, Any]:
    doubled = doubled_names(registry.plugins)
    return {
        "plugins": [
            {**_plugin_as_data(plugin), "doubled": (plugin.kind, plugin.spec.name) in doubled}
            for plugin in registry.plugins
        ],
        "broken": [asdict(plugin) for plugin in (*registry.broken, *unusable)],
    }


def _plugin_as_data(plugin: "InstalledPlugin") -> dict[str, Any]:
    return {
        "kind": plugin.kind,
        **asdict(plugin.spec),
        "distribution": plugin.distribution,
        "version": plugin.version,
    }
