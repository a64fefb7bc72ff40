"""Prints requirements for the lowest versions that the metadata of the distributions allow.

    python tests/lowest.py

`make test-lowest` installs them. Every distribution of this checkout, as requirements.txt has them, and every library
that their metadata name, in the lowest release line that all of them allow (numpy>=2.0 becomes numpy==2.0.*). What
those libraries depend on themselves is left to pip. The tools that test are those of requirements-dev.txt, in the
versions of constraints.txt.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("execnet", "hypothesis", "pytest-timeout", "pytest-xdist", "PyYAML", "ruff")
"""What the quick tests run by, beside pytest."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(.*)")


def lowest(projects: list[Path]) -> dict[str, str]:
    """Name of a library → the highest of the lower bounds that the projects set to it."""
    bounds: dict[str, str] = {}
    for project in projects:
        metadata = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        extras = metadata.get("optional-dependencies", {}).values()
        for requirement in [*metadata.get("dependencies", ()), *(one for extra in extras for one in extra)]:
            name, _, versions = _REQUIREMENT.fullmatch(requirement).groups()  # type: ignore[union-attr]
            bound = re.search(r">=\s*([0-9.]+)", versions)
            if bound is None or name.startswith("mien-") or name == "dlib":
                continue
            key = name.lower().replace("_", "-")
            bounds[key] = max(bounds.get(key, "0"), bound[1], key=lambda text: tuple(map(int, text.split("."))))
    return bounds


def main() -> None:
    """Print them."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    editable = [line for line in lines if line.startswith("-e ")]
    projects = [ROOT / line.removeprefix("-e ") / "pyproject.toml" for line in editable]
    tested = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line
    )
    pinned = [f"{name}=={version}.*" for name, version in sorted(lowest(projects).items())]
    sys.stdout.write("\n".join([*editable, *pinned, *(f"{tool}=={tested[tool]}" for tool in TOOLS)]) + "\n")


if __name__ == "__main__":
    main()
