"""The tree of errors is drawn at the top of its module, and the drawing is true."""

import inspect
import pickle
import re

import pytest

from suture import errors
from suture.errors import DefinitionError, Problem, SutureError, Unavailable

_BRANCH = re.compile(r"^(?P<indent>[ │]*)(?:├── |└── )?(?P<name>[A-Z]\w+)(?: {2,}(?P<actor>.+))?$")


def drawn() -> dict[str, str | None]:
    """Each class in the drawing, and the one it hangs from."""
    parents: dict[str, str | None] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").split("\n"):
        match = _BRANCH.match(line)
        if match and ("──" in line or match["name"] == "SutureError"):
            depth = len(match["indent"]) // 4 if "──" in line else 0
            parents[match["name"]] = above.get(depth - 1)
            above[depth] = match["name"]
    return parents


def classes() -> list[type[SutureError]]:
    return [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, SutureError)
    ]


def test_the_drawing_is_the_tree() -> None:
    def parent(kind: type[SutureError]) -> str | None:
        return None if kind is SutureError else kind.__bases__[0].__name__

    assert drawn() == {kind.__name__: parent(kind) for kind in classes()}


@pytest.mark.parametrize("kind", classes())
def test_a_docstring_is_the_default_message(kind: type[SutureError]) -> None:
    if kind is DefinitionError:
        return
    message = kind().message
    assert message == (kind.__doc__ or "").split("\n")[0]
    assert message.endswith(".")
    assert str(kind("something else")) == "something else"


def test_an_error_that_passes_says_when_to_try_again() -> None:
    assert Unavailable().retry_after_seconds == 1.0
    assert Unavailable("busy", retry_after_seconds=2.5).retry_after_seconds == 2.5


@pytest.mark.parametrize("kind", classes())
def test_an_error_is_the_same_in_another_process(kind: type[SutureError]) -> None:
    problems = [Problem(file="b.yaml", field="x", message="m"), Problem(file="a.yaml", message="n")]
    error = DefinitionError(problems) if kind is DefinitionError else kind("why")
    if isinstance(error, Unavailable):
        error.retry_after_seconds = 7.5
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other), vars(other)) == (kind, str(error), vars(error))


def test_problems_are_carried_in_order_and_shown_one_a_line() -> None:
    later = Problem(file="slas/b.yaml", entry="b", field="within", message="is required")
    first = Problem(file="slas/a.yaml", message="is empty")
    error = DefinitionError([later, first])
    assert error.problems == (first, later)
    assert str(error) == "slas/a.yaml: is empty\nslas/b.yaml: b: within: is required"
