"""Keys of objects, one by one and by the column."""

from typing import get_args

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from correlator.keys import object_key, scope_attributes, with_object_keys
from suture.definitions.process import NormalizationStep, ObjectType

IDS = st.text(max_size=12) | st.text("0aB- %|é", max_size=400)
STEPS = st.lists(st.sampled_from(get_args(NormalizationStep)), max_size=3, unique=True)


@given(
    ids=st.lists(IDS, min_size=1, max_size=8), steps=STEPS, scope=st.sampled_from(["", "a|b", "%"])
)
def test_one_id_gets_the_key_that_it_gets_in_a_column(
    ids: list[str], steps: list[NormalizationStep], scope: str
) -> None:
    types = {"order": ObjectType(normalize=tuple(steps), scope="ward")}
    mentions = pl.DataFrame(
        {"environment": "test", "type": "order", "id": ids, "scope_values": [[scope]] * len(ids)}
    )
    keys = with_object_keys(mentions, types, scope_attributes(types))["object"].to_list()
    # Twice, as the second time it is remembered.
    for _ in range(2):
        assert keys == [
            object_key(
                types, environment="test", type_="order", id_=id_, attributes={"ward": scope}
            )
            for id_ in ids
        ]
