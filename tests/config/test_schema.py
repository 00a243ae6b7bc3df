"""What is accepted without jsonschema, for the time that its import takes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mrxs_tiles.config.schema import _plainly_valid, _validators, load_schema, rules_of

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70000), st.floats(), st.just([]),
    st.sampled_from(["", " ", "jpg", "420", "auto", "{", "a\n", "white", "1,2,3,4", "\ud800"]),
    st.text(max_size=5), st.lists(st.sampled_from(["clam", "qupath", 3]), max_size=2),
)  # fmt: skip


@given(key=st.sampled_from([*load_schema("config")]), value=VALUES)
@settings(max_examples=500, deadline=None)
def test_what_is_plainly_right_is_right(key: str, value: object) -> None:
    """What is accepted at once is what jsonschema accepts."""
    if _plainly_valid(rules_of(key), value):
        assert _validators()[key].is_valid(value)


def test_defaults_are_plainly_right() -> None:
    """A config of defaults needs no jsonschema."""
    assert all(_plainly_valid(rules, rules["default"]) for rules in load_schema("config").values())
