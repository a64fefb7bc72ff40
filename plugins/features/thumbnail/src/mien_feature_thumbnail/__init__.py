"""Registers the feature `thumbnail`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_features() -> list[PluginSpec]:
    """The one feature of this distribution."""
    return [
        PluginSpec(
            "thumbnail",
            "mien_feature_thumbnail.thumbnail:Thumbnail",
            "the crop averaged down to a few pixels: light and color",
            contract=2,
        )
    ]
