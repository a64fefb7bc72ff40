"""How a command ends that cannot go on."""

import pytest

REGISTERS = """
    from mien.contracts.hooks import PluginSpec, hookimpl

    @hookimpl
    def register_features():
        return [PluginSpec("x", "x_class:X", "for a test", contract=2)]
"""


@pytest.fixture
def show_x(mien_process, environment):
    """`mien plugins show x`, whose class is in a module of that source."""

    def run(source, **variables):
        environment.install("some-x", {"x_registers": REGISTERS, "x_class": source})
        return mien_process("plugins", "show", "x", **variables)

    return run


def test_what_the_user_can_mend_is_two_lines_and_exit_code_2(show_x, environment):
    run = show_x("raise ImportError('no such library')")
    assert run.returncode == 2
    assert run.stdout == ""
    problem, fix = run.stderr.splitlines()
    told = "Error: The feature 'x' of some-x 1.0 does not import (x_class:X): ImportError: no such library"
    assert problem == f"{told} (x_class.py, line 1)"
    file = environment.folder / "x_class.py"
    assert fix == f"Try:   Mend {file}, line 1, or install a version of the plugin that works."


def test_markup_in_an_error_is_printed_as_it_is(mien):
    assert "No plugin named '[red]x[red]'" in mien("plugins", "show", "[red]x[red]").stderr


def test_colors_only_if_asked_for(mien):
    def told(**variables):
        return mien("plugins", "show", "nothing", **variables).stderr

    assert "\x1b[" not in told()
    assert "\x1b[36m" in told(FORCE_COLOR="1")
    assert "\x1b[36m" not in told(FORCE_COLOR="1", NO_COLOR="1")


def test_ctrl_c_is_one_line_and_exit_code_130(show_x):
    run = show_x("import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    assert run.returncode == 130
    assert run.stderr == "Interrupted.\n"


def test_a_defect_keeps_its_traceback_without_values_of_variables(show_x):
    run = show_x(
        """
        from mien import Feature, PluginConfig

        class XConfig(PluginConfig):
            @classmethod
            def model_json_schema(cls):
                secret = "do not print me" + str(1)
                raise RuntimeError("a defect")

        class X(Feature):
            Config = XConfig
        """
    )
    assert run.returncode == 1
    assert "RuntimeError: a defect" in run.stderr
    assert 'x_class.py", line ' in run.stderr
    assert "do not print me1" not in run.stderr
