"""Erlang's formulas against published values, and against one another."""

import math

import pytest

from ccd.stats.erlang import agents_needed, blocking, erlang_a, erlang_c

# Agents, and the load in erlangs at which one call in a hundred is blocked: the usual
# published table of Erlang B.
ERLANG_B_ONE_PERCENT = [(10, 4.461), (20, 12.03), (50, 37.90), (100, 84.06)]


@pytest.mark.parametrize(("agents", "load"), ERLANG_B_ONE_PERCENT)
def test_erlang_b_is_the_published_table(agents: int, load: float) -> None:
    assert blocking(load, agents) == pytest.approx(0.01, abs=2e-5)


def test_erlang_b_of_few_is_the_sum_itself() -> None:
    terms = [3.0**k / math.factorial(k) for k in range(6)]
    assert blocking(3.0, 5) == pytest.approx(terms[-1] / sum(terms), rel=1e-14)
    assert blocking(3.0, 0) == 1.0
    assert blocking(0.0, 5) == 0.0


def test_erlang_c_is_the_planners_textbook_case() -> None:
    """100 calls in half an hour, three minutes each, 14 agents, 20 s."""
    steady = erlang_c(100 / 1800, 180, 14, 20)
    assert steady.waits == pytest.approx(0.174, abs=5e-4)
    assert steady.service_level == pytest.approx(0.888, abs=5e-4)
    assert steady.mean_answer_s == pytest.approx(7.8, abs=0.05)
    assert steady.occupancy == pytest.approx(0.714, abs=5e-4)
    needed = agents_needed(0.8, lambda n: erlang_c(100 / 1800, 180, n, 20).service_level)
    assert needed == 14


def test_garnett_mandelbaum_and_reimans_comparison() -> None:
    """Their first table: 48 calls a minute of a minute each, 50 agents; patience 2 min, or endless."""
    endless = erlang_c(48 / 60, 60, 50)
    assert endless.mean_answer_s == pytest.approx(20.8, abs=0.05)
    assert endless.queue_length == pytest.approx(17, abs=0.5)
    assert endless.occupancy == pytest.approx(0.96)
    impatient = erlang_a(48 / 60, 60, 50, 120)
    assert impatient.abandoned == pytest.approx(0.031, abs=5e-4)
    # Their 3.7 s is over all calls.
    assert impatient.mean_wait_s == pytest.approx(3.7, abs=0.05)
    assert impatient.queue_length == pytest.approx(3, abs=0.05)
    assert impatient.occupancy == pytest.approx(0.93, abs=5e-4)


@pytest.mark.parametrize("agents", [1, 2, 14, 200, 20_000])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_endless_patience_gives_erlang_c(agents: int, share: float) -> None:
    rate, handle = share * agents / 180, 180.0
    c = erlang_c(rate, handle, agents, 20)
    assert erlang_a(rate, handle, agents, math.inf, 20) == c
    # Those who still hang up take the next ones' waits with them: the distance shrinks with
    # the patience, by a factor that 1 / (1 - share) makes large.
    a = erlang_a(rate, handle, agents, 1e12, 20)
    for field in ("waits", "service_level", "mean_wait_s", "mean_answer_s", "queue_length"):
        assert getattr(a, field) == pytest.approx(getattr(c, field), rel=1e-5, abs=1e-6), field


@pytest.mark.parametrize(
    ("rate", "handle", "agents", "patience"),
    [
        (0.8, 60, 50, 120),
        (1.2, 60, 50, 120),
        (0.02, 90, 1, 30),
        (0.05, 300, 4, 1000),
        (5, 10, 40, 2),
    ],
)
def test_erlang_a_is_the_balance_of_its_states(
    rate: float, handle: float, agents: int, patience: float
) -> None:
    """The chain itself, state by state; and each caller's fate by a walk down the queue."""
    log_weights = [0.0]
    for n in range(1, agents + 2000):
        leave = min(n, agents) / handle + max(0, n - agents) / patience
        log_weights.append(log_weights[-1] + math.log(rate / leave))
    largest = max(log_weights)
    weights = [math.exp(each - largest) for each in log_weights]
    states = [each / math.fsum(weights) for each in weights]
    waiting = math.fsum((n - agents) * p for n, p in enumerate(states) if n > agents)
    answered = answer_time = 0.0
    delay = 0.0
    for n, p in enumerate(states):
        if n < agents:
            answered += p
            continue
        leave = agents / handle + (n - agents + 1) / patience
        delay += 1 / leave
        answered += p * (agents / handle) / leave
        answer_time += p * (agents / handle) / leave * delay
    steady = erlang_a(rate, handle, agents, patience)
    assert steady.waits == pytest.approx(math.fsum(states[agents:]), rel=1e-9)
    assert steady.abandoned == pytest.approx(1 - answered, rel=1e-9)
    assert steady.queue_length == pytest.approx(waiting, rel=1e-9)
    assert steady.mean_wait_s == pytest.approx(waiting / rate, rel=1e-9)
    assert steady.mean_answer_s == pytest.approx(answer_time / answered, rel=1e-9)


def test_erlang_as_service_level_agrees_with_its_mean() -> None:
    """ASA is the integral of the share of the answered who wait longer than t."""
    answered = 1 - erlang_a(1.0, 60, 55, 90).abandoned
    step = 0.05
    over = [
        answered - erlang_a(1.0, 60, 55, 90, step * (k + 0.5)).service_level for k in range(6000)
    ]
    assert math.fsum(over) * step / answered == pytest.approx(
        erlang_a(1.0, 60, 55, 90).mean_answer_s, rel=1e-5
    )


@pytest.mark.parametrize("rate", [10.0, 60.0, 66.0, 66.7, 70.0, 200.0, 10_000.0])
def test_twenty_thousand_agents_do_not_upset_it(rate: float) -> None:
    steady = erlang_a(rate, 300, 20_000, 180, 20)
    for field in ("waits", "abandoned", "service_level", "occupancy"):
        assert -1e-12 <= getattr(steady, field) <= 1 + 1e-12, field
    # What does not come through is what is too much, as soon as everybody is busy.
    too_much = max(0.0, 1 - 20_000 / 300 / rate)
    assert steady.abandoned == pytest.approx(too_much, abs=3e-3)
    assert steady.abandoned >= too_much - 1e-12


def test_hardly_overloaded_erlang_c_has_no_answer() -> None:
    steady = erlang_c(1.0, 100, 100)
    assert (steady.waits, steady.mean_wait_s, steady.service_level) == (1.0, math.inf, 0.0)


def test_agents_needed_says_when_there_is_no_such_number() -> None:
    with pytest.raises(ValueError, match="not even 1,000 agents"):
        agents_needed(0.9, lambda n: 0.5, most=1000)


@pytest.mark.parametrize(
    ("rate", "handle", "agents", "patience", "within"),
    [
        (0, 60, 5, 60, 20),
        (1, 0, 5, 60, 20),
        (1, 60, 0, 60, 20),
        (1, 60, 5, 0, 20),
        (1, 60, 5, 60, -1),
    ],
)
def test_what_cannot_be_is_refused(
    rate: float, handle: float, agents: int, patience: float, within: float
) -> None:
    with pytest.raises(ValueError, match=r"must be above 0|cannot be below 0"):
        erlang_a(rate, handle, agents, patience, within)
