from __future__ import annotations

import pytest

from portevoix.resilience.breaker import CircuitBreaker
from tests.hand_clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def states() -> list[str]:
    return []


@pytest.fixture
def breaker(clock: HandClock, states: list[str]) -> CircuitBreaker:
    breaker = CircuitBreaker(3, 30.0, clock=clock)
    breaker.on_change = states.append
    return breaker


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.fail()


def test_stays_closed_below_the_threshold(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert not breaker.is_open()


def test_opens_at_the_threshold(breaker: CircuitBreaker, states: list[str]) -> None:
    fail(breaker, 3)
    assert breaker.is_open()
    assert states == ["open"]


def test_only_failures_in_a_row_count(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeed()
    fail(breaker, 2)
    assert not breaker.is_open()


def test_a_trial_is_due_when_the_rest_is_over(breaker: CircuitBreaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.seconds += 29.9
    assert breaker.rest_seconds == pytest.approx(0.1)
    clock.seconds += 0.2
    assert breaker.rest_seconds == 0
    assert breaker.is_open()


def test_a_running_trial_keeps_others_away(breaker: CircuitBreaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.seconds += 31
    breaker.begin_trial()
    assert breaker.is_open()


def test_a_good_trial_closes(breaker: CircuitBreaker, clock: HandClock, states: list[str]) -> None:
    fail(breaker, 3)
    clock.seconds += 31
    breaker.begin_trial()
    breaker.succeed()
    assert not breaker.is_open()
    assert states == ["open", "half_open", "closed"]


def test_a_bad_trial_opens_for_another_whole_rest(breaker: CircuitBreaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.seconds += 31
    breaker.begin_trial()
    breaker.fail()
    assert breaker.rest_seconds == pytest.approx(30)


def test_a_late_failure_does_not_prolong_the_rest(breaker: CircuitBreaker, clock: HandClock) -> None:
    fail(breaker, 3)
    clock.seconds += 20
    breaker.fail()
    assert breaker.rest_seconds == pytest.approx(10)


def test_can_be_closed_by_hand(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    breaker.reset()
    assert not breaker.is_open()
    assert breaker.failures == 0
