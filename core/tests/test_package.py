"""What `import mien` leaves behind in the process that uses it."""

import subprocess
import sys

import pytest

CODE = """
import gc
import mien
frozen = gc.get_freeze_count()
if not {collects}:
    gc.disable()
mien.Session
print(gc.isenabled(), gc.get_freeze_count() - frozen, len(gc.get_objects(generation=0)) < 10_000)
"""


@pytest.mark.slow
def test_garbage_is_collected_as_before_and_what_was_imported_is_not_taken_for_new() -> None:
    """torch makes 300,000 objects; looking through them as if they were new takes a tenth of a second, twice."""
    for collects in (True, False):
        code = CODE.format(collects=collects)
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert said[:2] == [str(collects), "0"]
        if collects:
            assert said[2] == "True"
