"""A plugin of one's own to begin with: a distribution that installs, passes its contract tests and runs as it is."""

from importlib import resources
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mien.errors import MienError
from mien.media.files import whole_folder
from mien.plugins.choice import check_name
from mien.plugins.kinds import KINDS
from mien.plugins.registry import Registry

_COMMON, _SUFFIX = "common", ".j2"


def new_plugin(kind: str, name: str, folder: Path | None = None, registry: Registry | None = None) -> Path:
    """Write a new distribution and return its folder.

    kind: one of `mien.plugins.kinds.KINDS`. name: what users will type; lower case, digits and single underscores.
    folder: where to write it; by default mien-KIND-NAME in the current folder. It appears whole or not at all.
    Raises MienError if the kind is none, the name cannot be one or is taken by an installed plugin, if the folder is
    there already, or may not be written.
    """
    if kind not in KINDS:
        first = next(iter(KINDS))
        raise MienError(f"{kind!r} is no kind of plugin: {', '.join(KINDS)} are.", f"mien plugins new {first} {name}")
    check_name(name, "plugin", f"mien plugins new {kind} {{}}")
    owners = [p.distribution for p in (registry or Registry()).plugins if (p.kind, p.spec.name) == (kind, name)]
    if owners:
        raise MienError(f"A {kind} named {name!r} is installed, of {owners[0]}.", f"mien plugins new {kind} my_{name}")
    distribution = f"mien-{kind}-{name.replace('_', '-')}"
    folder = folder or Path(distribution)
    if folder.exists():
        raise MienError(f"{folder} is there already.", f"mien plugins new {kind} {name} --folder ANOTHER")
    row = KINDS[kind]
    words = {
        "kind": kind,
        "name": name,
        "distribution": distribution,
        "package": f"mien_{kind}_{name}",
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "hook": row.hook,
        "contract": str(row.contract),
        "contract_tests": row.tests.partition(":")[2],
        "summary": row.example,
        "use": row.use.format(name),
    }
    with whole_folder(folder) as partial:
        for source in (_COMMON, kind):
            _write(source, words, partial)
    return folder


def _write(source: str, words: dict[str, str], folder: Path) -> None:
    with resources.as_file(resources.files(__package__) / "files" / source) as templates:
        # Nothing is escaped: these are no web pages.
        environment = Environment(
            loader=FileSystemLoader(templates),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for template in sorted(templates.rglob(f"*{_SUFFIX}")):
            place = template.relative_to(templates)
            target = folder / environment.from_string(str(place.with_suffix(""))).render(words)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(environment.get_template(place.as_posix()).render(words), encoding="utf-8")
