"""With which plugins an output is audited: with those that took no part in making it, if there are any."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from mien.auditing.options import AuditOptions
from mien.contracts.extractor import Extractor
from mien.errors import MienError
from mien.plugins.choice import parse_choices
from mien.plugins.registry import Registry, known_distributions
from mien.tracking.recognizer import default_recognizer, tells_people_apart

TookPart = Mapping[str, frozenset[str]]
"""Kind → names of plugins; "recognizer" is a kind here."""


@dataclass(frozen=True, slots=True)
class AuditPlugins:
    """What audits."""

    extractor: str
    recognizer: str
    judges: tuple[str, ...]
    """Further recognizers."""
    independent: bool
    """Whether none of them took part, as far as is known."""
    notes: tuple[str, ...]


def choose_plugins(options: AuditOptions, took_part: TookPart, registry: Registry) -> AuditPlugins:
    """What the options name, and else all extractors, the recognizer and the judges that took no part.

    Raises MienError if none is installed.
    """
    notes = [] if took_part else ["Nothing says which plugins made the output."]
    extractor = options.extractor or _extractor(took_part.get("extractor", frozenset()), registry, notes)
    free = recognizers_without(took_part.get("recognizer", frozenset()), registry)
    recognizer = options.recognizer or next(iter(free), None) or default_recognizer(registry)
    name = parse_choices(recognizer)[0].name
    judges = tuple(one for one in free if one != name) if options.judges is None else options.judges
    used = {
        "extractor": {choice.name for choice in parse_choices(extractor)},
        "recognizer": {choice.name for choice in parse_choices(recognizer)},
    }
    both = {kind: sorted(names & took_part.get(kind, frozenset())) for kind, names in used.items()}
    notes += [
        f"{', '.join(names)} took part in making the output: what {'they' if len(names) > 1 else 'it'} missed then, "
        f"{'they miss' if len(names) > 1 else 'it misses'} again."
        for names in both.values()
        if names
    ]
    return AuditPlugins(extractor, recognizer, judges, not any(both.values()), tuple(notes))


def _extractor(took_part: frozenset[str], registry: Registry, notes: list[str]) -> str:
    finders: dict[str, type[Extractor]] = {}
    for name in registry.names("extractor"):
        try:
            loaded = cast(type[Extractor], registry.load("extractor", name))
        except MienError as error:
            notes.append(f"The extractor {name} was left out: {error.message}")
            continue
        if loaded.can_find():
            finders[name] = loaded
    free = [name for name in finders if name not in took_part]
    if not free:
        return "+".join(_finders_first(finders, finders)) or registry.default("extractor")
    if not any(finders[name].can_measure() for name in free):  # without landmarks nobody can be recognized
        free += [name for name in finders if name not in free and finders[name].can_measure()][:1]
    return "+".join(_finders_first(free, finders))


def _finders_first(names: Iterable[str], loaded: Mapping[str, type[Extractor]]) -> list[str]:
    """Those that measure landmarks behind those that only find: in a set, each adds what none before it found."""
    return sorted(names, key=lambda name: (loaded[name].can_measure(), name))


def recognizers_without(took_part: frozenset[str], registry: Registry) -> list[str]:
    """Those that took no part and can be loaded, the project's default first."""
    default = known_distributions().get("recognizer", {})
    free = []
    for name in sorted(registry.names("feature"), key=lambda name: name not in default):
        if name in took_part:
            continue
        try:
            if tells_people_apart(name, registry):
                free.append(name)
        except MienError:
            continue  # one that cannot be loaded; if there is no other, the default says so
    return free
