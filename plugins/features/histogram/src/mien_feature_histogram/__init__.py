"""Registers the feature `histogram`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "histogram",
            "mien_feature_histogram.histogram:Histogram",
            "how the face's colors are spread, bins per channel",
            contract=2,
        )
    ]
