"""How plugins, and what comes of checking one, are shown."""

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mien.plugins.registry import BrokenPlugin, InstalledPlugin
    from mien.testing import Check

_TABLE_COLUMNS = 120  # on narrower terminals the table would have more breaks than words


def print_plugins(plugins: list["InstalledPlugin"], console: Console) -> None:
    """All of them: as a table, or on a narrow terminal a few lines each."""
    if console.width >= _TABLE_COLUMNS:
        _print_table(plugins, console)
    else:
        _print_list(plugins, console)


def _print_table(plugins: list["InstalledPlugin"], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Kind", "Name", "Distribution", "Version"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Summary")
    table.add_column("Licence of its weights")
    for plugin in plugins:
        spec = plugin.spec
        table.add_row(
            plugin.kind,
            _marked_name(plugin, plugins),
            plugin.distribution,
            plugin.version,
            Text(spec.summary),
            Text(spec.weights_license),
        )
    console.print(table)


def _print_list(plugins: list["InstalledPlugin"], console: Console) -> None:
    """What the table says, a few lines for each plugin."""
    for plugin in plugins:
        name = _marked_name(plugin, plugins)
        console.print(Text.assemble(f"{plugin.kind} ", name, f"  {plugin.distribution} {plugin.version}"))
        console.print(Padding(Text(plugin.spec.summary), (0, 0, 0, 2)))
        console.print(Padding(Text(f"licence of its weights: {plugin.spec.weights_license}"), (0, 0, 1, 2)))


def _marked_name(plugin: "InstalledPlugin", plugins: list["InstalledPlugin"]) -> Text:
    mark = " (twice)" if (plugin.kind, plugin.spec.name) in doubled_names(plugins) else ""
    return Text.assemble((plugin.spec.name, "bold cyan"), (mark, "bold red"))


def print_doubled(plugins: list["InstalledPlugin"], console: Console) -> None:
    """Names that two distributions register."""
    for kind, name in doubled_names(plugins):
        owners = [p.distribution for p in plugins if (p.kind, p.spec.name) == (kind, name)]
        console.print(
            Text.assemble(
                ("Twice: ", "bold red"),
                f"the {kind} {name!r} is registered by {' and '.join(owners)}; it cannot be used before one goes "
                f"(pip uninstall {owners[-1]}).",
            )
        )


def print_broken(broken: list["BrokenPlugin"], console: Console) -> None:
    """Those that cannot be used, with the reason and what to do about it."""
    if not broken:
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title="Installed, but cannot be used",
        title_style="bold red",
        title_justify="left",
    )
    table.add_column("Distribution", no_wrap=True)
    table.add_column("Version", no_wrap=True)
    table.add_column("Plugin", no_wrap=True)
    table.add_column("Reason")
    for plugin in broken:
        reason = Text(plugin.reason)
        if plugin.fix:
            reason.append(f"\nTry: {plugin.fix}", "cyan")
        table.add_row(plugin.distribution, plugin.version, plugin.entry_point, reason)
    console.print(table)


def print_checks(checks: list["Check"], console: Console) -> None:
    """A line for each check, with what to do about those that failed."""
    marks = {"passed": ("passed", "green"), "failed": ("failed", "bold red"), "skipped": ("skipped", "yellow")}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Check")
    table.add_column("Result", no_wrap=True)
    for check in checks:
        cell = Text(check.name)
        if check.reason:
            cell.append(f"\n{check.reason}", marks[check.outcome][1])
        table.add_row(cell, Text(*marks[check.outcome]))
    console.print(table)


def print_plugin(plugin: "InstalledPlugin", more: dict[str, str], console: Console) -> None:
    """What is known of one plugin, and what a model says of itself."""
    console.print(Text.assemble((plugin.spec.name, "bold cyan"), f", a plugin of the kind {plugin.kind}"))
    console.print(Text(plugin.spec.summary))
    console.print()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("Distribution", f"{plugin.distribution} {plugin.version}")
    facts.add_row("Class", plugin.spec.target)
    facts.add_row("Licence of its weights", Text(plugin.spec.weights_license))
    for title, fact in more.items():
        facts.add_row(title, fact)
    console.print(facts)


def doubled_names(plugins: list["InstalledPlugin"]) -> list[tuple[str, str]]:
    """Kind and name of each plugin that stands there twice."""
    counts = Counter((plugin.kind, plugin.spec.name) for plugin in plugins)
    return [key for key, count in counts.items() if count > 1]
