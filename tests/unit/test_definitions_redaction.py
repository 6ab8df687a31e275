"""Rules of redaction: what is accepted, and what is said of what is not."""

from pathlib import Path

import pytest

from suture.definitions.catalog import load_catalog
from suture.definitions.redaction import Action, Redacted, Redaction, compile_pattern
from suture.errors import DefinitionError


def _written(folder: Path, text: str) -> Path:
    (folder / "redaction.yaml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_nothing_is_redacted(tmp_path: Path) -> None:
    assert not any(load_catalog(tmp_path).redaction.of(signal).any for signal in Redacted)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{rule: x, action: deny}", "redaction.yaml, x, keys: is required"),
        ("{rule: x, action: mask, keys: a}", "redaction.yaml, x, action: "),
        ("{rule: x, action: deny, values: '(a)b'}", "x, values.0: .*write groups as"),
        ("{rule: x, action: deny, values: 'a*'}", "x, values.0: .*matches where there is nothing"),
        ("{rule: x, action: deny, values: '(?=a)b'}", "x, values.0: .*not supported"),
        (r"{rule: x, action: deny, values: '[ab'}", "x, values.0: .*not a regular expression"),
        ("{rule: x, action: allow, values: 'a'}", "x, values: cannot be allowed"),
        ("{rule: x, action: deny, objects: patient}", "x, objects: cannot be denied"),
        ("{rule: x, action: deny, keys: a, signals: [spans]}", "x, signals.0: "),
        ("{rule: x, action: deny, fields: [colour]}", "x, fields.0: "),
        ("{action: deny, keys: a}", "rule 1, rule: is required"),
        ("{rule: x, action: deny, keys: a}\n  - {rule: x, action: deny, keys: b}", "stands twice"),
    ],
)
def test_a_wrong_rule_is_named_with_its_field(tmp_path: Path, rule: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said.replace(", ", ".*")):
        load_catalog(_written(tmp_path, f"rules:\n  - {rule}\n"))


def test_keys_are_globs_in_any_case_with_or_without_the_prefix_of_facets() -> None:
    rules = Redaction.model_validate(
        {"rules": [{"rule": "x", "action": "deny", "keys": ["*.ssn", "patient.?ame"]}]}
    ).of(Redacted.TRACES)
    pattern = compile_pattern(rules.hidden_keys)
    for key in ("a.ssn", "A.SSN", "business.attr.a.ssn", "patient.name", "a\nb.ssn"):
        assert pattern.fullmatch(key), key
    for key in ("ssn", "a.ssn.b", "patient.frame", "xpatient.name"):
        assert not pattern.fullmatch(key), key


def test_rules_are_told_apart_by_signal_and_keep_their_order() -> None:
    redaction = Redaction.model_validate(
        {
            "unlisted": {"logs": "drop"},
            "rules": [
                {"rule": "a", "action": "allow", "keys": "x", "signals": "logs"},
                {"rule": "b", "action": "hash", "objects": "patient"},
            ],
        }
    )
    assert [action for action, _ in redaction.of(Redacted.LOGS).keys] == [Action.ALLOW, Action.HASH]
    assert [action for action, _ in redaction.of(Redacted.TRACES).keys] == [Action.HASH]
    assert redaction.of(Redacted.LOGS).drop_unlisted
    assert not redaction.of(Redacted.TRACES).drop_unlisted
