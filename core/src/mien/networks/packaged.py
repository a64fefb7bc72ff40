"""Reads a network that lies in a plugin's package."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from safetensors import SafetensorError

from mien.errors import MienError


@contextmanager
def packaged_network(package: str, file: str, plugin: str) -> Iterator[bytes]:
    """The bytes of `networks/FILE` in a package; what goes wrong with them in the block is an error with what to do.

    plugin: its kind and name, as in "extractor blazeface". Its distribution is mien-extractor-blazeface.

    Raises MienError if the file is not there, or if what reads it says that it cannot.
    """
    try:
        yield (resources.files(package) / "networks" / file).read_bytes()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise MienError(
            f"The {plugin} cannot read its network {file}: {error}.",
            f"pip install --force-reinstall mien-{plugin.replace(' ', '-')}",
        ) from error
