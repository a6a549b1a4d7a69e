"""A model in trouble: the track waits, and only what may have been paid counts."""

import pytest

from tests.faults.conftest import SCALE
from tests.support.rig import Rig

TOO_LATE = 120 * SCALE + 3
"""Seconds: longer than a model call may take."""


@pytest.mark.parametrize(
    ("action", "attempts"),
    [
        ({"error": "internal"}, 0),
        ({"error": "unavailable"}, 0),
        ({"cut": 4000}, 1),
        ({"stall": TOO_LATE}, 1),
    ],
)
def test_a_fault_parks_and_counts_only_what_may_be_paid(
    rig: Rig, action: dict[str, object], attempts: int
) -> None:
    prompt = f"trouble {attempts} {len(action)} {next(iter(action.values()))}"
    rig.fault("vertex", {"match": {"prompt": prompt}, "action": action})
    sent = rig.submit(prompt=prompt)
    parked = rig.parked(sent)
    assert (parked["park"], parked["attempts"]) == ("fault", attempts)
    assert (parked["refused_since"] is not None) == (attempts == 0)
    assert rig.ended(sent.id, 90)["status"] == "completed"
    document = rig.document(sent.id)
    assert (document["attempts"], document["refused_since"]) == (0, None)
