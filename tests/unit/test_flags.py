from __future__ import annotations

import pytest

from portevoix.config.settings import FeatureFlags
from portevoix.errors import InvalidParameter
from portevoix.flags import FlagSwitch


def test_everything_goes_through_the_chain_at_first() -> None:
    assert FlagSwitch().uses_chain("x")


@pytest.mark.parametrize("flags", [{"use_unified_tts": False}, {"enable_legacy_mode": True}, {"traffic_percent": 0}])
def test_each_flag_alone_leads_around_the_chain(flags) -> None:
    assert not FlagSwitch(FeatureFlags(**flags)).uses_chain("x")


def test_a_share_of_requests_is_let_through_and_always_the_same_ones() -> None:
    switch = FlagSwitch(FeatureFlags(traffic_percent=30))
    names = [f"request {number}" for number in range(4000)]
    through = [name for name in names if switch.uses_chain(name)]
    assert 0.27 < len(through) / len(names) < 0.33
    assert through == [name for name in names if switch.uses_chain(name)]


def test_a_larger_share_keeps_those_of_the_smaller() -> None:
    switch = FlagSwitch(FeatureFlags(traffic_percent=20))
    before = {str(number) for number in range(500) if switch.uses_chain(str(number))}
    switch.change(traffic_percent=50)
    assert before <= {str(number) for number in range(500) if switch.uses_chain(str(number))}


@pytest.mark.parametrize(
    "values",
    [{"magic": True}, {"use_unified_tts": 1}, {"use_unified_tts": "true"}, {"traffic_percent": 101},
     {"traffic_percent": True}, {"traffic_percent": float("nan")}, {"traffic_percent": None}],
)  # fmt: skip
def test_what_does_not_fit_changes_nothing(values) -> None:
    switch = FlagSwitch()
    with pytest.raises(InvalidParameter):
        switch.change(enable_legacy_mode=True, **values)
    assert switch.flags == FeatureFlags()
