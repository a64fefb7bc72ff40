"""A run as a distribution: installed by pip, it draws wherever its name is given."""

import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import tomli_w
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.version import InvalidVersion, Version

from mien.contracts.hooks import RUN_CONTRACT, RunSpec
from mien.errors import MienError
from mien.media.files import whole_folder
from mien.plugins.choice import check_name
from mien.plugins.registry import Registry
from mien.sharing.export import exported_record, write_exported
from mien.sharing.summary import NOT_STATED, targets_in_words
from mien.training.run import RunRecord, TrainedRun

_REGISTRATION = '''"""The run `{name}` of mien."""

from collections.abc import Iterable

from mien.contracts.hooks import RunSpec, hookimpl


@hookimpl
def register_runs() -> Iterable[RunSpec]:
    """The run, which lies in the folder run/ of this package."""
    return [
        RunSpec(
            name={name!r},
            package={package!r},
            summary={summary!r},
            contract={contract!r},
            license={license!r},
            data_license={data_license!r},
        )
    ]
'''


def export_package(
    run: Path | str,
    name: str,
    out: Path | None = None,
    *,
    package_version: str = "0.1.0",
    license: str = "",
    license_file: Path | None = None,
    data_license: str = "",
    registry: Registry | None = None,
) -> Path:
    """Write a distribution around an exported run: once it is installed, `name` does wherever a run is named.

    run, license, data_license, registry: as of `export_run`. name: lower case, digits and single underscores; the
    distribution is called mien-run-NAME. out: the folder to write; None: mien-run-NAME in the current one.
    package_version: the distribution's. license_file: its text, which comes along as LICENSE.
    The distribution needs mien-core, those of all plugins that the run was made with, and that of the default blender.

    Returns the folder, from which pip installs or builds a wheel. It appears whole or not at all.
    Raises MienError as `export_run`; if the name cannot be one, or is that of a model that is installed, since both
    are named in one place; the version is none; the licence's text cannot be read; or a plugin of the run comes from no
    distribution.
    """
    registry = registry or Registry()
    check_name(name, "run", f"mien export {run} --package {{}}")
    if name in registry.names("model"):
        raise MienError(f"A model named {name!r} is installed.", f"mien export {run} --package my_{name}")
    distribution, package = f"mien-run-{name.replace('_', '-')}", f"mien_run_{name}"
    out = out or Path(distribution)
    if out.exists():
        raise MienError(f"{out} is there already.", f"mien export {run} --package {name} --out ANOTHER")
    number = _version(package_version, f"mien export {run} --package {name} --version 0.1.0")
    if license_file is not None and not license_file.is_file():
        raise MienError(f"There is no {license_file} with the licence's text.", f"ls -l {license_file.parent}")
    opened = TrainedRun.open(run, registry)
    record = exported_record(opened, license=license, data_license=data_license)
    spec = RunSpec(
        name,
        package,
        f"{record.model}: draws {targets_in_words(record.targets, record.people)}",
        contract=RUN_CONTRACT,
        license=record.license or NOT_STATED,
        data_license=record.data_license or NOT_STATED,
    )
    project = _project(spec, distribution, number, _requirements(opened, record, registry), license_file is not None)
    with whole_folder(out) as partial:
        source = partial / "src" / package
        (source / "run").mkdir(parents=True)
        (source / "__init__.py").write_text(_registration(spec), encoding="utf-8")
        (source / "py.typed").touch()
        card = write_exported(source / "run", opened, record, name=name, use=name, registry=registry)
        (partial / "README.md").write_text(card, encoding="utf-8")
        (partial / "pyproject.toml").write_bytes(tomli_w.dumps(project).encode())
        if license_file is not None:
            shutil.copyfile(license_file, partial / "LICENSE")
    return out


def _registration(spec: RunSpec) -> str:
    return _REGISTRATION.format(
        name=spec.name,
        package=spec.package,
        summary=spec.summary,
        contract=spec.contract,
        license=spec.license,
        data_license=spec.data_license,
    )


def _project(
    spec: RunSpec, distribution: str, number: str, requirements: list[str], with_license_file: bool
) -> dict[str, object]:
    licensed: dict[str, object] = {}
    with suppress(InvalidLicenseExpression):  # what is none in SPDX's terms stands in the card alone
        licensed["license"] = canonicalize_license_expression(spec.license)
    if with_license_file:
        licensed["license-files"] = ["LICENSE"]
    return {
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "project": {
            "name": distribution,
            "version": number,
            "description": f"Run of mien, {spec.summary}.",
            "readme": "README.md",
            **licensed,
            "requires-python": ">=3.11",
            "dependencies": requirements,
            "entry-points": {"mien": {spec.name: spec.package}},
        },
        "tool": {
            "hatch": {
                "build": {
                    # Whoever keeps runs in a repository may well ignore *.safetensors there.
                    "ignore-vcs": True,
                    "targets": {"wheel": {"packages": [f"src/{spec.package}"]}},
                }
            }
        },
    }


def _requirements(run: TrainedRun, record: RunRecord, registry: Registry) -> list[str]:
    """mien-core, and the plugins in the versions that the run was made with, or later ones."""
    needed = {"mien-core": version("mien-core")}
    for plugin in record.plugins:
        if plugin.distribution == "?":
            raise MienError(
                f"The {plugin.kind} {plugin.name!r} of {run.path} comes from no distribution that pip could install.",
                f"mien plugins new {plugin.kind} {plugin.name}",
            )
        needed[plugin.distribution] = plugin.version
    blender = registry.find("blender", registry.default("blender"))
    needed.setdefault(blender.distribution, blender.version)
    return [f"{distribution}>={Version(least).public}" for distribution, least in sorted(needed.items())]


def _version(text: str, command: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise MienError(f"{text!r} is no version of a distribution.", command) from error
