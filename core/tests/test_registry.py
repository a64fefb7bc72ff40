"""Which plugins are found, and what is said when one is broken, doubled, unknown or of the wrong kind."""

import subprocess
import sys

import pytest

import mien.testing
from mien.contracts.feature import Feature
from mien.contracts.plugin import Plugin
from mien.errors import MienError
from mien.plugins.kinds import KINDS, load
from mien.plugins.registry import Registry, known_distributions


def install_freckles(environment, distribution="some-freckles", named="freckles", version="1.0", **more):
    environment.install_package("freckles", distribution, version, named=named, **more)


def registers(kind, name, target, contract=None):
    row = KINDS[kind]
    return f"""
        from mien.contracts.hooks import PluginSpec, hookimpl

        @hookimpl
        def {row.hook}():
            return [PluginSpec({name!r}, {target!r}, "for a test", contract={contract or row.contract})]
    """


def error_of(call, *arguments):
    with pytest.raises(MienError) as caught:
        call(*arguments)
    return caught.value


def test_a_plugin_of_a_third_party_is_found_and_made(environment):
    install_freckles(environment, version="2.5")
    registry = Registry(environment.points)

    (plugin,) = registry.plugins
    assert (plugin.kind, plugin.spec.name, plugin.spec.summary) == ("feature", "freckles", "how many [freckles]")
    assert (plugin.distribution, plugin.version, plugin.spec.weights_license) == ("some-freckles", "2.5", "CC0")
    freckles = registry.create("feature", "freckles:limit=7")
    assert isinstance(freckles, Feature)
    assert freckles.bounds == (0.0, 7.0)


def test_listing_imports_no_class(environment):
    install_freckles(environment)

    assert Registry(environment.points).names("feature") == ["freckles"]
    assert "freckles" in sys.modules
    assert "freckles.feature" not in sys.modules


def test_listing_what_is_installed_imports_nothing_heavy():
    heavy = ["torch", "cv2", "dlib", "face_recognition", "pyarrow", "av"]
    code = f"import sys; from mien import Registry; Registry().plugins; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_what_is_installed_here_is_found_and_loads():
    registry = Registry()
    assert registry.broken == []
    for plugin in registry.plugins:
        loaded = registry.load(plugin.kind, plugin.spec.name)
        assert loaded.__name__ == plugin.spec.target.rpartition(":")[2]


def test_a_broken_plugin_is_listed_with_its_reason_and_stops_nobody(environment):
    install_freckles(environment)
    environment.install("broken-import", {"broken_import": "import a_module_that_nobody_wrote"})
    environment.install("broken-value", {"broken_value": "raise ValueError('no licence file')"})

    registry = Registry(environment.points)
    assert registry.names("feature") == ["freckles"]
    assert registry.create("feature", "freckles").shape == (1,)
    reasons = {plugin.distribution: plugin.reason for plugin in registry.broken}
    assert reasons == {
        "broken-import": "ModuleNotFoundError: No module named 'a_module_that_nobody_wrote' (broken_import.py, line 1)",
        "broken-value": "ValueError: no licence file (broken_value.py, line 1)",
    }


def test_a_plugin_that_exits_while_it_is_imported_stops_nobody(environment):
    install_freckles(environment)
    environment.install("broken-exit", {"broken_exit": "raise SystemExit('wrong Python')"})

    registry = Registry(environment.points)
    assert registry.names("feature") == ["freckles"]
    assert registry.broken[0].reason == "SystemExit: wrong Python (broken_exit.py, line 1)"


def test_asking_for_a_broken_plugin_tells_its_reason(environment):
    environment.install("some-wrinkles", {"wrinkles": "import a_module_that_nobody_wrote"})

    error = error_of(Registry(environment.points).find, "feature", "wrinkles")
    assert "some-wrinkles 1.0 does not load" in error.message
    assert "No module named 'a_module_that_nobody_wrote'" in error.message


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            registers("feature", "x", "y:Z").replace("register_features", "register_feature"),
            "unknown hook 'register_feature'",
            id="misspelled hook",
        ),
        pytest.param("", "answers none of the hooks register_extractors, register_features", id="no hook"),
        pytest.param(
            """
            from mien.contracts.hooks import hookimpl

            @hookimpl
            def register_models():
                return ["pix2pix"]
            """,
            "register_models returned str, not mien.contracts.hooks.PluginSpec",
            id="not a spec",
        ),
        pytest.param(
            """
            from mien.contracts.hooks import hookimpl

            @hookimpl
            def register_models():
                return None
            """,
            "register_models",
            id="nothing returned",
        ),
        pytest.param(
            """
            from mien.contracts.hooks import hookimpl

            @hookimpl
            def register_models(registry):
                return []
            """,
            "registry",
            id="an argument that the hook has not",
        ),
    ],
)
def test_a_registration_that_says_nothing_usable_is_broken(environment, source, reason):
    environment.install("some-plugin", {"some_plugin": source})

    registry = Registry(environment.points)
    assert registry.plugins == []
    (broken,) = registry.broken
    assert reason in broken.reason


def test_two_plugins_of_one_name_are_an_error_only_when_that_name_is_used(environment):
    install_freckles(environment)
    install_freckles(environment, "other-freckles", "other_freckles", "0.3")
    environment.install("some-moles", {"moles": registers("feature", "moles", "freckles.feature:Freckles")})

    registry = Registry(environment.points)
    assert [plugin.spec.name for plugin in registry.plugins] == ["freckles", "freckles", "moles"]
    assert registry.create("feature", "moles").shape == (1,)
    error = error_of(registry.create, "feature", "freckles")
    assert "some-freckles 1.0" in error.message
    assert "other-freckles 0.3" in error.message
    assert error.fix.startswith("pip uninstall ")


def test_one_name_in_two_kinds_is_no_clash(environment):
    install_freckles(environment)
    environment.install("model-freckles", {"m": registers("model", "freckles", "nowhere:Nothing")})

    assert Registry(environment.points).find("model", "freckles").distribution == "model-freckles"
    assert Registry(environment.points).find("feature", "freckles").distribution == "some-freckles"


def test_an_unknown_name_suggests_the_nearest(environment):
    install_freckles(environment)

    error = error_of(Registry(environment.points).find, "feature", "freckels")
    assert "No feature named 'freckels' is installed" in error.message
    assert "Did you mean 'freckles'?" in error.message
    assert error.fix == "mien plugins"


def test_an_unknown_name_near_to_none_lists_what_there_is(environment):
    install_freckles(environment)

    assert "Installed: freckles." in error_of(Registry(environment.points).find, "feature", "age").message
    assert "Installed: none." in error_of(Registry([]).find, "feature", "age").message


@pytest.mark.parametrize(
    ("kind", "name", "distribution"),
    [(kind, name, owner) for kind in KINDS for name, owner in known_distributions()[kind].items()],
)
def test_a_known_plugin_that_is_not_installed_is_answered_with_its_pip_command(kind, name, distribution):
    assert error_of(Registry([]).find, kind, name).fix == f"pip install {distribution}"


def test_a_choice_left_open_is_the_only_one_there_is(environment):
    with pytest.raises(MienError, match="No feature is installed"):
        Registry([]).default("feature")
    install_freckles(environment)
    assert Registry(environment.points).default("feature") == "freckles"
    environment.install("some-moles", {"moles": registers("feature", "moles", "nowhere:Nothing")})
    with pytest.raises(MienError, match="Several features are installed: freckles, moles"):
        Registry(environment.points).default("feature")


def test_or_the_first_of_those_that_the_project_knows(environment):
    install_freckles(environment)
    for name in ("histogram", "thumbnail"):
        environment.install(f"other-{name}", {name: registers("feature", name, "nowhere:Nothing")})
    assert Registry(environment.points).default("feature") == "thumbnail"


def test_a_name_of_another_kind_says_so(environment):
    install_freckles(environment)

    error = error_of(Registry(environment.points).find, "model", "freckles")
    assert "'freckles' is a plugin of the kind feature" in error.message


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "feature"])
def test_a_class_of_the_wrong_kind_is_refused(environment, kind):
    install_freckles(environment)
    environment.install("wrong-kind", {"wrong": registers(kind, "wrong", "freckles.feature:Freckles")})

    error = error_of(Registry(environment.points).load, kind, "wrong")
    assert f"is not a mien.{kind.capitalize()}" in error.message
    assert "wrong-kind" in error.message


@pytest.mark.parametrize("target", ["json:dumps", "json:Nothing", "json", "nowhere.at_all:Class"])
def test_a_target_that_is_no_plugin_class_is_a_told_error(environment, target):
    environment.install("some-plugin", {"p": registers("feature", "p", target)})

    error = error_of(Registry(environment.points).create, "feature", "p")
    assert target in error.message
    assert "some-plugin" in error.message


def test_a_class_that_fails_to_import_names_its_distribution(environment):
    install_freckles(environment)
    (environment.folder / "freckles" / "feature.py").write_text("import a_module_that_nobody_wrote")

    error = error_of(Registry(environment.points).load, "feature", "freckles")
    assert "some-freckles 1.0 does not import" in error.message
    assert "No module named 'a_module_that_nobody_wrote'" in error.message


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("import os\nclass Freckles(:\n    pass", 2, "SyntaxError: invalid syntax (feature.py, line 2)"),
        ("from mien import Freckle", 1, "(feature.py, line 1)"),
        ("import os\nprint(oss)", 2, "NameError: name 'oss' is not defined (feature.py, line 2)"),
    ],
)
def test_a_line_that_cannot_be_right_is_to_be_mended_and_not_installed_again(environment, source, line, says):
    install_freckles(environment)
    file = environment.folder / "freckles" / "feature.py"
    file.write_text(source)

    error = error_of(Registry(environment.points).load, "feature", "freckles")
    assert says in error.message
    assert error.fix == f"Mend {file}, line {line}, or install a version of the plugin that works."


def test_a_class_that_exits_while_it_is_imported_is_a_told_error(environment):
    install_freckles(environment)
    (environment.folder / "freckles" / "feature.py").write_text("quit()")

    assert "SystemExit" in error_of(Registry(environment.points).load, "feature", "freckles").message


def test_a_class_that_lacks_a_method_says_which(environment):
    install_freckles(environment)
    source = "from mien import Feature\nclass Freckles(Feature): pass"
    (environment.folder / "freckles" / "feature.py").write_text(source)

    error = error_of(Registry(environment.points).create, "feature", "freckles")
    assert "'freckles' of some-freckles 1.0 cannot be made" in error.message
    for method in ("shape", "bounds", "compute"):
        assert method in error.message


def test_a_plugin_s_own_error_reaches_the_user_as_it_is(environment):
    install_freckles(environment)
    source = """
from mien import Feature, MienError
class Freckles(Feature):
    def __new__(cls, config): raise MienError("The weights are missing.", "pip install weights")
"""
    (environment.folder / "freckles" / "feature.py").write_text(source)

    error = error_of(Registry(environment.points).create, "feature", "freckles")
    assert (error.message, error.fix) == ("The weights are missing.", "pip install weights")


def test_what_the_project_knows_of_says_kind_and_name():
    known = known_distributions()
    for kind in KINDS:
        for name, distribution in known[kind].items():
            assert distribution.startswith(f"mien-{kind}-")
            # Two models are morph's, with what they learn.
            assert distribution.endswith(name.replace("_", "-")) or name in ("likeness", "identities")
    assert known["recognizer"].items() <= known["feature"].items()


def test_a_plugin_of_another_contract_version_is_told_and_not_used(environment):
    install_freckles(environment)
    environment.install("some-wrinkles", {"wrinkles": registers("feature", "wrinkles", "nowhere:Nothing", contract=9)})
    registry = Registry(environment.points)

    assert registry.names("feature") == ["freckles"]
    (broken,) = registry.broken
    assert (broken.entry_point, broken.distribution) == ("wrinkles", "some-wrinkles")
    ours = KINDS["feature"].contract
    assert broken.reason == f"made for version 9 of the contract of features; this mien has {ours}"
    error = error_of(registry.find, "feature", "wrinkles")
    assert "made for version 9" in error.message
    assert error.fix == "pip install --upgrade mien-core"


def test_the_contract_s_number_is_that_of_the_kind(environment):
    """1 is right for a masker, and outdated for a feature."""
    for kind in ("masker", "feature"):
        environment.install(f"{kind}-early", {f"early_{kind}": registers(kind, "early", "nowhere:Nothing", contract=1)})
    registry = Registry(environment.points)
    assert [(plugin.kind, plugin.spec.name) for plugin in registry.plugins] == [("masker", "early")]
    (broken,) = registry.broken
    assert broken.fix == "pip install --upgrade feature-early"


def test_a_registration_without_the_contract_s_number_is_of_a_time_before_there_was_one(environment):
    source = registers("feature", "wrinkles", "nowhere:Nothing").replace(", contract=2", "")
    environment.install("some-wrinkles", {"wrinkles": source})
    (broken,) = Registry(environment.points).broken
    assert "'contract'" in broken.reason
    assert broken.fix == "pip install --upgrade some-wrinkles"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_has_all_that_its_row_says(kind):
    base, tests = load(kind.base), load(kind.tests)
    assert issubclass(base, Plugin) and getattr(mien, base.__name__) is base
    assert tests.kind == kind.name and getattr(mien.testing, tests.__name__) is tests
    assert "{}" in kind.use


def test_plugins_whose_dependencies_are_missing_tell_which(environment):
    install_freckles(environment)
    needs = ("numpy>=1", "a-thing-nobody-wrote>=2; python_version >= '3'", "other-thing; extra == 'more'", "numpy<1")
    environment.install("some-wrinkles", {"wrinkles": "import a_thing_nobody_wrote"}, requires=needs)
    late = registers("feature", "dimples", "dimples_class:Dimples")
    environment.install(
        "some-dimples", {"dimples": late, "dimples_class": "import a_thing_nobody_wrote"}, requires=needs[1:2]
    )
    registry = Registry(environment.points)

    (wrinkles,) = registry.broken
    assert wrinkles.fix == "pip install 'a-thing-nobody-wrote>=2' 'numpy<1'"
    (dimples, freckles) = registry.plugins
    reason, fix = registry.trouble(dimples)
    assert "some-dimples 1.0 does not import" in reason and "It needs a-thing-nobody-wrote>=2." in reason
    assert fix == "pip install 'a-thing-nobody-wrote>=2'"
    assert registry.trouble(freckles) == ("", "")
    assert registry.create("feature", "freckles").shape == (1,)


def test_a_plugin_that_cannot_be_made_is_told_and_stops_nobody(environment):
    install_freckles(environment)
    environment.install(
        "some-wrinkles",
        {
            "wrinkles": registers("feature", "wrinkles", "wrinkles_class:Wrinkles"),
            "wrinkles_class": """
                from mien import Feature

                class Wrinkles(Feature):
                    shape, bounds = (1,), (0.0, 1.0)

                    def __init__(self, config=None):
                        raise OSError("no weights")

                    def compute(self, crops): ...
            """,
        },
    )
    registry = Registry(environment.points)

    assert registry.broken == []
    freckles, wrinkles = registry.plugins
    assert registry.trouble(freckles) == ("", "")
    assert "some-wrinkles 1.0 cannot be made: OSError: no weights" in registry.trouble(wrinkles)[0]
