"""Registers a model that draws the face the other way round and darker, and blenders to choose from."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_models() -> list[PluginSpec]:
    """One."""
    return [PluginSpec("flip", f"{__name__}.model:Flip", "the face the other way round", contract=2)]


@hookimpl
def register_blenders() -> list[PluginSpec]:
    """Good and bad ones."""
    return [
        PluginSpec(name.lower(), f"{__name__}.blenders:{name}", "a blender", contract=2)
        for name in ("Hard", "Soft", "Nothing", "Unmakeable", "Failing")
    ]
