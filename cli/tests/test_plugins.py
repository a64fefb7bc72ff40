"""`mien plugins` and `mien plugins show`: what is installed and can be used, settings, checks, and a new one."""

import json
import sys
from pathlib import Path


def install_freckles(environment, distribution="some-freckles", version="1.2", **more):
    environment.install_package("freckles", distribution, version, **more)


def registers(name, target, contract=2):
    return f"""
        from mien.contracts.hooks import PluginSpec, hookimpl

        @hookimpl
        def register_features():
            return [PluginSpec({name!r}, {target!r}, "for a test", contract={contract})]
    """


def listed(run):
    """The row of each plugin by kind and name, its cells apart."""
    cells = [[cell for cell in line.split("  ") if cell.strip()] for line in run.stdout.splitlines()]
    return {(row[0].strip(), row[1].strip()): [cell.strip() for cell in row[2:]] for row in cells if len(row) > 4}


def test_the_table_has_a_row_for_each_plugin(mien, environment):
    install_freckles(environment)

    run = mien("plugins")
    assert run.exit_code == 0
    assert listed(run)["feature", "freckles"] == ["some-freckles", "1.2", "how many [freckles]", "CC0"]


def test_all_is_there_on_a_narrow_terminal(mien, environment):
    install_freckles(environment)

    run = mien("plugins", COLUMNS="70")
    assert "feature freckles  some-freckles 1.2" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 70
    for part in ("freckles", "some-freckles", "1.2", "CC0"):
        assert part in run.stdout


def test_a_broken_plugin_stands_below_with_its_reason(mien, environment):
    install_freckles(environment)
    environment.install("broken-one", {"broken": "raise ValueError('no [licence] file')"})

    run = mien("plugins")
    assert run.exit_code == 0
    table, _, below = run.stdout.partition("cannot be used")
    assert "freckles" in table
    assert "broken-one" in below
    assert "ValueError: no [licence] file" in below


def test_a_doubled_name_is_marked_and_tells_the_way_out(mien, environment):
    install_freckles(environment)
    install_freckles(environment, "other-freckles", named="other_freckles")

    run = mien("plugins")
    assert ("feature", "freckles (twice)") in listed(run)
    assert "registered by some-freckles and other-freckles" in run.stdout
    shown = mien("plugins", "show", "freckles")
    assert shown.exit_code == 2
    assert "Two distributions register the feature 'freckles'" in shown.stderr


def test_the_list_as_json(mien, environment):
    install_freckles(environment)
    environment.install("broken-one", {"broken": "raise ValueError('no licence file')"})

    data = json.loads(mien("plugins", "--json", "--check").stdout)
    (freckles,) = [plugin for plugin in data["plugins"] if plugin["name"] == "freckles"]
    assert freckles == {
        "kind": "feature",
        "name": "freckles",
        "target": "freckles.feature:Freckles",
        "summary": "how many [freckles]",
        "weights_license": "CC0",
        "contract": 2,
        "distribution": "some-freckles",
        "version": "1.2",
        "doubled": False,
    }
    reasons = {broken["distribution"]: broken["reason"] for broken in data["broken"]}
    assert reasons["broken-one"] == "ValueError: no licence file (broken.py, line 1)"
    assert "some-freckles" not in reasons


def test_show_tells_the_settings(mien, environment):
    install_freckles(environment)

    run = mien("plugins", "show", "freckles")
    assert run.exit_code == 0
    rows = {}
    for line in run.stdout.splitlines():
        name, *cells = [cell.strip() for cell in line.split("  ") if cell.strip()] or [""]
        rows.setdefault(name, cells)
    assert rows["limit"] == ["whole number | none", "100", "≥ 1, < 500", "Counting stops here."]
    assert rows["where"] == ["nose | cheeks | 3", "nose", "Where to look."]
    assert rows["colors"] == ["list of text", "[red,brown]"]
    assert rows["strict"] == ["true or false", "false"]
    assert rows["share"] == ["number", "1.0"]
    assert "limit=5, colors=[red]" in run.stdout
    assert "mien preprocess DATASET --features freckles:limit=100" in run.stdout


def test_show_takes_kind_and_name(mien, environment):
    install_freckles(environment)

    assert mien("plugins", "show", "feature/freckles").stdout == mien("plugins", "show", "freckles").stdout
    wrong_kind = mien("plugins", "show", "model/freckles")
    assert "'freckles' is a plugin of the kind feature" in wrong_kind.stderr
    no_kind = mien("plugins", "show", "measure/freckles")
    assert no_kind.exit_code == 2
    assert "'measure' is no kind of plugin" in no_kind.stderr


def test_show_asks_for_the_kind_where_a_name_stands_for_two(mien, environment):
    install_freckles(environment)
    install_freckles(
        environment, "model-freckles", named="m", replaced={"def register_features": "def register_models"}
    )

    run = mien("plugins", "show", "freckles")
    assert run.exit_code == 2
    assert "feature and model" in run.stderr
    assert "mien plugins show feature/freckles" in run.stderr


def test_show_as_json_has_the_schema(mien, environment):
    install_freckles(environment)

    data = json.loads(mien("plugins", "show", "freckles", "--json").stdout)
    assert data["distribution"] == "some-freckles"
    assert data["settings"]["properties"]["limit"]["default"] == 100
    assert data["presets"] == {"quick": {"limit": 5, "colors": ["red"]}}


def test_show_of_a_mistyped_name_suggests_the_nearest(mien, environment):
    install_freckles(environment)

    run = mien("plugins", "show", "freckels")
    assert run.exit_code == 2
    assert "Did you mean 'freckles'?" in run.stderr


def test_show_of_a_plugin_that_is_not_installed_tells_how_to_get_it(mien, monkeypatch):
    mien("plugins")  # loads what is out of reach in a moment
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path).name != "site-packages"])
    run = mien("plugins", "show", "feather")
    assert run.exit_code == 2
    assert "pip install mien-blender-feather" in run.stderr


def test_show_of_a_name_that_nobody_has_offers_nothing_to_install(mien):
    run = mien("plugins", "show", "magnifier")
    assert run.exit_code == 2
    assert "pip install" not in run.stderr


def test_show_tells_what_a_model_can_do(mien):
    assert "people who do not exist (mien anonymize)" in mien("plugins", "show", "cgan").stdout
    deepfakes = mien("plugins", "show", "deepfakes").stdout
    assert "people it was trained on (mien swap)" in deepfakes and "2 people" in deepfakes
    assert json.loads(mien("plugins", "show", "latent", "--json").stdout)["targets"] == ["known"]
    assert "Draws" not in mien("plugins", "show", "feather").stdout


def test_what_cannot_be_used_stands_below_with_what_to_do(mien, environment):
    """Broken at import, at construction, for want of what it needs, and made for another contract."""
    install_freckles(environment, replaced={"config: FrecklesConfig": "__init__ = lambda self, config: 1 / 0"})
    environment.install("no-file", {"nofile": "raise ValueError('no [license] file')"})
    for number in (1, 2):
        environment.install(
            f"needs-{number}", {f"needs{number}": "import a_thing_nobody_wrote"}, requires=["a-thing-nobody-wrote>=2"]
        )
    environment.install("newer-wrinkles", {"newerwrinkles": registers("wrinkles", "nowhere:Nothing", contract=9)})

    run = mien("plugins", "--check")
    assert run.exit_code == 0
    table, _, below = run.stdout.partition("cannot be used")
    assert "landmarks" in table
    assert "wrinkles" not in table
    for told in (
        "no [license] file",
        "ZeroDivisionError",
        "made for version 9 of the contract of features",
        "pip install --upgrade mien-core",
    ):
        assert told in below
    assert below.count("Try: pip install 'a-thing-nobody-wrote>=2'") == 2
    data = json.loads(mien("plugins", "--check", "--json").stdout)
    assert {one["distribution"] for one in data["broken"]} == {
        "some-freckles", "no-file", "needs-1", "needs-2", "newer-wrinkles",
    }  # fmt: skip


def test_listing_tries_nothing_unless_it_is_asked_to(mien, environment):
    install_freckles(environment, replaced={"config: FrecklesConfig": "__init__ = lambda self, config: 1 / 0"})
    assert "ZeroDivisionError" not in mien("plugins").stdout
    assert "freckles.feature" not in sys.modules
    assert "ZeroDivisionError" in mien("plugins", "--check").stdout


def test_a_new_plugin_is_written_and_the_next_commands_are_told(mien, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = mien("plugins", "new", "feature", "own")
    assert run.exit_code == 0, run.stderr
    assert (tmp_path / "mien-feature-own" / "src" / "mien_feature_own" / "own.py").is_file()
    assert "pip install -e 'mien-feature-own[test]'" in run.stdout
    assert "mien plugins check feature/own" in run.stdout
    again = mien("plugins", "new", "feature", "own")
    assert again.exit_code == 2
    assert "mien-feature-own is there already" in again.stderr


def test_checks_are_listed_and_all_pass(mien):
    run = mien("plugins", "check", "thumbnail:size=2")
    assert run.exit_code == 0, run.stdout
    assert "values are finite and within bounds (3)" in run.stdout
    assert "feature thumbnail: All" in run.stdout
    assert "failed" not in run.stdout


def test_a_check_that_fails_says_what_to_do(mien, environment):
    blank = {"how many [freckles]": "", "np.float32)": "np.float64)"}
    install_freckles(environment, replaced=blank)
    run = mien("plugins", "check", "freckles")
    assert run.exit_code == 1
    assert "Write a summary into the PluginSpec" in run.stdout
    assert "float32" in run.stdout
    failed = [
        one for one in json.loads(mien("plugins", "check", "freckles", "--json").stdout) if one["outcome"] == "failed"
    ]
    assert {"is registered and listed", "different faces measure differently"} <= {one["name"] for one in failed}
    assert f"{len(failed)} of" in run.stdout


def test_what_cannot_be_checked_is_told(mien):
    unknown = mien("plugins", "check", "thumbnial")
    assert unknown.exit_code == 2
    assert "Did you mean 'thumbnail'?" in unknown.stderr
    setting = mien("plugins", "check", "thumbnail:sise=2")
    assert setting.exit_code == 2
    assert "Did you mean 'size'?" in setting.stderr
