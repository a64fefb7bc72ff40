"""How faces are anonymized where nobody says how."""

from mien.errors import MienError
from mien.plugins.registry import Registry, known_distributions


def default_method(registry: Registry) -> str:
    """The name of the model to anonymize by when the choice was left open: the first that is installed of those that
    the project lists in known_plugins.toml.

    Raises MienError if none of them is installed.
    """
    installed, known = registry.names("model"), known_distributions().get("method", {})
    name = next((name for name in known if name in installed), None)
    if name is None:
        first = next(iter(known.values()), "mien")
        raise MienError("No model that anonymizes without a run is installed.", f"pip install {first}")
    return name
