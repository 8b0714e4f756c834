"""The Erlang formulas: what a steady queue of equal agents is like.

Calls come at random (Poisson), `rate` a second; a conversation with all its after-work takes
`handle_s` seconds on average, exponentially distributed; `agents` serve one queue in order
of arrival. `load = rate * handle_s` is in erlangs.

- **Erlang B** (`blocking`): who finds everybody busy goes away. The building block.
- **Erlang C** (`erlang_c`): all wait, however long. Over-estimates waits where callers hang
  up, and has no answer where the load is not below the number of agents.
- **Erlang A** (`erlang_a`): callers hang up after an exponentially distributed patience.
  Palm (1957); Garnett, Mandelbaum and Reiman, "Designing a call center with impatient
  customers", M&SOM 4 (2002); Mandelbaum and Zeltyn, "Call centers with impatient customers:
  many-server asymptotics of the M/M/n+G queue", Queueing Systems 51 (2005), whose building
  blocks J, J(t) and epsilon are what is computed here.

All are stable far beyond 20,000 agents: no factorial, power or exponential of the load is
ever formed, only ratios of neighbouring terms, and logarithms where even a sum of those
would overflow (agents short by thousands).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

NEGLIGIBLE = 1e-17
"""A term of a series that is this small beside the sum so far does not change it any more."""

LEAST_LOG_ODDS = -600.0
"""Odds of waiting below e^-600 are none: their inverse would not fit into a float."""


class Steady(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue in balance is like; probabilities are over all calls offered."""

    waits: float
    """Probability that a call is not answered at once."""
    abandoned: float
    """Probability that the caller hangs up before he is answered."""
    service_level: float
    """Probability that a call is answered, and within the target (answered within T / offered)."""
    mean_wait_s: float
    """Over all calls, whether answered or abandoned."""
    mean_answer_s: float
    """Average speed of answer (ASA): over the answered alone."""
    queue_length: float
    """Mean number of callers who wait."""
    occupancy: float
    """Share of their time for which agents are busy."""


def blocking(load: float, agents: int) -> float:
    """Erlang B: the probability that all of `agents` are busy where nobody can wait.

    By the recursion 1/B(n) = 1 + n / (load B(n-1)), which loses no digits (Jagerman 1974).
    Raises ValueError for a load or number of agents below 0.
    """
    if not load >= 0 or agents < 0:
        raise ValueError("load and agents cannot be below 0")
    busy = 1.0
    for n in range(1, agents + 1):
        busy = load * busy / (n + load * busy)
    return busy


def erlang_c(rate: float, handle_s: float, agents: int, within_s: float = 20.0) -> Steady:
    """Erlang C. Where the load is not below `agents`, waits are infinite and nobody is in time.

    Raises ValueError for arguments that are not above 0 (`within_s`: below 0).
    """
    _check(rate, handle_s, agents, within_s)
    load = rate * handle_s
    if load >= agents:
        return Steady(
            waits=1.0,
            abandoned=0.0,
            service_level=0.0,
            mean_wait_s=math.inf,
            mean_answer_s=math.inf,
            queue_length=math.inf,
            occupancy=1.0,
        )
    blocked = blocking(load, agents)
    spare = agents - load
    waits = agents * blocked / (spare + load * blocked)
    mean = waits * handle_s / spare
    return Steady(
        waits=waits,
        abandoned=0.0,
        service_level=1.0 - waits * math.exp(-spare * within_s / handle_s),
        mean_wait_s=mean,
        mean_answer_s=mean,
        queue_length=rate * mean,
        occupancy=load / agents,
    )


def erlang_a(
    rate: float, handle_s: float, agents: int, patience_s: float, within_s: float = 20.0
) -> Steady:
    """Erlang A: like Erlang C, with callers who hang up after `patience_s` on average.

    `patience_s` may be `inf`: Erlang C. Raises ValueError for arguments that are not above
    0 (`within_s`: below 0).
    """
    _check(rate, handle_s, agents, within_s)
    if not patience_s > 0:
        raise ValueError("patience_s must be above 0")
    if patience_s == math.inf:
        return erlang_c(rate, handle_s, agents, within_s)
    served, came = agents * patience_s / handle_s, rate * patience_s
    tail = _Tail(served, came)
    # P(V > 0) = lambda J / (epsilon + lambda J), with epsilon = 1 / B(n-1) and
    # J = A / (n mu); divided by A, which may be too large for a float.
    fewer = blocking(rate * handle_s, agents - 1)
    log_odds = tail.log_sum + math.log(fewer * came / served) if fewer > 0.0 else -math.inf
    waits = 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > LEAST_LOG_ODDS else 0.0
    queue_length = waits * tail.mean_waiting
    abandoned = queue_length / came
    answered = 1.0 - abandoned
    late = waits * _answered_late(served, came, within_s / patience_s, tail.log_sum)
    return Steady(
        waits=waits,
        abandoned=abandoned,
        service_level=max(0.0, answered - late),
        mean_wait_s=queue_length / rate,
        mean_answer_s=waits * tail.answer_time * patience_s / answered,
        queue_length=queue_length,
        occupancy=min(1.0, rate * handle_s * answered / agents),
    )


def agents_needed(target: float, level: Callable[[int], float], most: int = 1_000_000) -> int:
    """Return the fewest agents with `level(agents) >= target`; `level` must not fall with agents.

    `agents_needed(0.8, lambda n: erlang_c(rate, handle_s, n, 20).service_level)` is the
    planner's question. Raises ValueError where not even `most` are enough.
    """
    low, high = 0, 1  # `low` are too few
    while level(high) < target:
        if high >= most:
            raise ValueError(f"not even {most:,} agents reach {target:g}")
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if level(middle) < target:
            low = middle
        else:
            high = middle
    return high


class _Tail:
    """The states of Erlang A in which callers wait, relative to that of none waiting.

    With k waiting, T(k) = product over j = 1..k of y / (x + j): x conversations end and y
    calls come in one patience. Summed from the largest term both ways, so that nothing
    overflows and no more terms are looked at than matter (some ten standard deviations).
    """

    __slots__ = ("answer_time", "log_sum", "mean_waiting")

    log_sum: float
    """Logarithm of A(x, y), the sum of all T(k)."""
    mean_waiting: float
    """Mean k over these states."""
    answer_time: float
    """Of a call that comes in one of these states, the expected wait if answered, 0 if not,
    in patiences.

    With k ahead of him he sees k+1 departures at the rates x + k + 1 down to x + 1 (in
    patiences), none of which may be his own giving up: answered with probability
    x / (x + k + 1), after the sum of the inverse rates.
    """

    def __init__(self, x: float, y: float) -> None:
        peak = max(0, math.floor(y - x))
        log_peak = peak * math.log(y) + math.lgamma(x + 1) - math.lgamma(x + peak + 1)
        delay_at_peak = _delay(x, peak)
        total = waiting = answer_time = 0.0
        term, k, delay = 1.0, peak, delay_at_peak
        while term > NEGLIGIBLE * total:
            total += term
            waiting += term * k
            rate = x + k + 1
            answer_time += term * x / rate * delay
            term *= y / rate
            k += 1
            delay += 1.0 / (rate + 1)
        term, k, delay = 1.0, peak, delay_at_peak
        while k > 0 and term > NEGLIGIBLE * total:
            term *= (x + k) / y
            delay -= 1.0 / (x + k + 1)
            k -= 1
            total += term
            waiting += term * k
            answer_time += term * x / (x + k + 1) * delay
        self.log_sum = log_peak + math.log(total)
        self.mean_waiting = waiting / total
        self.answer_time = answer_time / total


EXACT_TERMS = 10_000
"""A longer sum of inverses is finished by the integral; at that many terms they agree to 1e-9."""


def _delay(x: float, k: int) -> float:
    """Return the sum of 1 / (x + j + 1) over j = 0..k."""
    exact = min(k, EXACT_TERMS)
    found = math.fsum(1.0 / (x + j + 1) for j in range(exact + 1))
    if k > exact:
        found += math.log((x + k + 1.5) / (x + exact + 1.5))
    return found


def _answered_late(x: float, y: float, within: float, log_sum: float) -> float:
    """Return the probability, of a call that must wait, of an answer after `within` patiences.

    P(W > t, answered) = E(t) (A(x, y e^-t) - 1) / (epsilon + lambda J), where E(t) is
    exp(y (1 - e^-t) - x t), and A(x, z) - 1 = A(x + 1, z) z / (x + 1).
    """
    still = y * math.exp(-within)
    if still == 0.0:
        return 0.0
    log_rest = math.log(still / (x + 1)) + _Tail(x + 1, still).log_sum
    log_exponential = -y * math.expm1(-within) - x * within
    return x / y * math.exp(log_exponential + log_rest - log_sum)


def _check(rate: float, handle_s: float, agents: int, within_s: float) -> None:
    if not (rate > 0 and handle_s > 0 and agents > 0):
        raise ValueError("rate, handle_s and agents must be above 0")
    if not within_s >= 0:
        raise ValueError("within_s cannot be below 0")
