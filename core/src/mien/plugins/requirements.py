"""Which of the distributions that a distribution asks for are missing here."""

from importlib.metadata import PackageNotFoundError, requires, version


def missing_requirements(distribution: str) -> list[str]:
    """What an installed distribution asks for and does not find, as "numpy>=2.0"; nothing is imported for that.

    Extras are not looked at. Of a distribution that is not installed nothing is known: an empty list.
    """
    try:
        asked = requires(distribution) or []
    except PackageNotFoundError:
        return []
    return [text.partition(";")[0].strip() for text in asked if not _is_met(text)]


def how_to_install(missing: list[str]) -> str:
    """The command that installs them."""
    return "pip install " + " ".join(f"'{requirement}'" for requirement in missing)


def _is_met(text: str) -> bool:
    # When something is asked: listing plugins needs none of it.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    try:
        requirement = Requirement(text)
    except InvalidRequirement:  # pip would not have installed it
        return True
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
    except InvalidVersion:
        return True
