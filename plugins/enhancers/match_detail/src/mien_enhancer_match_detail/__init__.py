"""Registers the enhancer `match_detail`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    """The one enhancer of this distribution."""
    return [
        PluginSpec(
            "match_detail",
            "mien_enhancer_match_detail.match_detail:MatchDetail",
            "as much detail, octave by octave, as the face that is replaced",
            contract=1,
        )
    ]
