"""Registers the enhancer `restore`."""

from mien.contracts.hooks import PluginSpec, hookimpl


@hookimpl
def register_enhancers() -> list[PluginSpec]:
    """The one enhancer of this distribution."""
    return [
        PluginSpec(
            "restore",
            "mien_enhancer_restore.restore:Restore",
            "a blurred, small or grainy face drawn sharp by a network",
            contract=1,
            weights_license="BSD-3-Clause",
        )
    ]
