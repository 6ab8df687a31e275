"""Programs that tests need: without one a test skips, unless it is said that it must not.

SUTURE_TEST_REQUIRE lists, by commas, what a machine is sure to have; `.ci/run` sets it. There a
missing program fails the tests that need it instead of letting them pass unseen.
"""

import os
import shutil

import pytest


def require(*programs: str) -> None:
    """Skip the test where a program is not on the path; fail it where it was said to be."""
    promised = {name.strip() for name in os.environ.get("SUTURE_TEST_REQUIRE", "").split(",")}
    for program in programs:
        if shutil.which(program):
            continue
        if program in promised:
            pytest.fail(f"{program} is not on the path, and SUTURE_TEST_REQUIRE lists it")
        pytest.skip(f"{program} is not on the path")
