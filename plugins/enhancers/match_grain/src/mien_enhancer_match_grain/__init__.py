"""Registers the enhancer `match_grain`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    """The one enhancer of this distribution."""
    return [
        PluginSpec(
            "match_grain",
            "mien_enhancer_match_grain.match_grain:MatchGrain",
            "as blurred and as grainy as the face that is replaced",
            contract=1,
        )
    ]
