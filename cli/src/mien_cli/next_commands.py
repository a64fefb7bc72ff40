"""What to do with a run, as commands that work."""

from collections.abc import Collection, Sequence


def uses(run: str, targets: Collection[str], people: Sequence[str]) -> list[tuple[str, str]]:
    """A word and a command for each way in which a run draws.

    run: as it is named in a command. targets: whom it draws, as `RunRecord.targets`. people: the run's.
    """
    commands = []
    if "known" in targets and people:
        commands.append(("Swap", f"mien swap {run} INPUT OUTPUT --to {people[0]}"))
    if "reference" in targets:
        commands.append(("Swap", f"mien swap {run} INPUT OUTPUT --reference IMAGE"))
    if "synthetic" in targets:
        commands.append(("Anonymize", f"mien anonymize INPUT OUTPUT --with {run}"))
    return commands
