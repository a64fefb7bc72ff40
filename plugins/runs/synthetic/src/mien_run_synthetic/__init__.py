"""The run `synthetic` of mien."""

from collections.abc import Iterable

from mien.contracts.hooks import RunSpec, hookimpl


@hookimpl
def register_runs() -> Iterable[RunSpec]:
    """The run, which lies in the folder run/ of this package."""
    return [
        RunSpec(
            name="synthetic",
            package="mien_run_synthetic",
            summary="identities: draws people who do not exist",
            contract=1,
            license="MIT",
            data_license="MIT (SFHQ-T2I, OpenPeople), CC0-1.0 (assets-person-portrait)",
        )
    ]
