"""How long until so many have left a queue: the model below every estimate. Sans-IO.

Who has `ahead` contacts before him waits for `ahead + 1` departures. While j of them are still
there the next departure comes at the rate s·mu + j·theta: s agents who finish at the rate mu
each, and j contacts who give up at the rate theta each. So the wait is a sum of independent
exponential times (a hypoexponential variable) with

    mean = sum 1 / (s·mu + j·theta),   variance = sum 1 / (s·mu + j·theta)²,   j = 0 .. ahead

Source: W. Whitt, "Predicting Queueing Delays", Management Science 45(6), 1999;
R. Ibrahim and W. Whitt, "Real-Time Delay Estimation in Overloaded Multiserver Queues with
Abandonments", Management Science 55(10), 2009 (their QL_m); the queue is Erlang A, O. Garnett,
A. Mandelbaum, M. Reiman, M&SOM 4(3), 2002.
"""

from __future__ import annotations

from math import inf, log, log1p, sqrt
from typing import NamedTuple

DIRECT = 16
"""So many terms are added one by one; the others by the Euler-Maclaurin formula, whose error is
below 1e-12 of the sum from there on. So an estimate costs the same behind 20 as behind 20,000."""

Z90 = 1.2815515655446004
"""The standard normal distribution's 90th percentile."""


class Moments(NamedTuple):
    """Of a time, in seconds and square seconds."""

    mean: float
    variance: float


def moments(ahead: int, service_rate: float, leaving_rate: float) -> Moments:
    """Return the moments of the time until `ahead + 1` have left.

    `service_rate` is that of all agents together (s·mu, 1/s, above 0); `leaving_rate` is
    theta, that of one waiting contact (1/s, 0: nobody leaves).
    """
    if leaving_rate <= service_rate * 1e-12:
        return Moments((ahead + 1) / service_rate, (ahead + 1) / service_rate**2)
    mean = variance = 0.0
    for j in range(min(ahead + 1, DIRECT)):
        step = 1.0 / (service_rate + j * leaving_rate)
        mean += step
        variance += step * step
    if ahead + 1 > DIRECT:
        first = service_rate / leaving_rate + DIRECT
        mean += _harmonic(first, ahead + 1 - DIRECT) / leaving_rate
        variance += _harmonic_squares(first, ahead + 1 - DIRECT) / leaving_rate**2
    return Moments(mean, variance)


def _harmonic(x: float, terms: int) -> float:
    """Return 1/x + 1/(x+1) + ... (a difference of two digamma functions), for x of 16 and more."""
    y = x + terms
    return (
        log1p(terms / x)
        + (1 / x - 1 / y) / 2
        + (x**-2 - y**-2) / 12
        - (x**-4 - y**-4) / 120
        + (x**-6 - y**-6) / 252
    )


def _harmonic_squares(x: float, terms: int) -> float:
    """Return 1/x² + 1/(x+1)² + ... (a difference of two trigamma functions)."""
    y = x + terms
    return (
        terms / (x * y)
        + (x**-2 - y**-2) / 2
        + (x**-3 - y**-3) / 6
        - (x**-5 - y**-5) / 30
        + (x**-7 - y**-7) / 42
    )


class Quantiles(NamedTuple):
    """Of a wait, seconds: half of such waits are shorter than `p50`, nine in ten than `p90`."""

    p50: float
    p90: float

    @property
    def logs(self) -> tuple[float, float]:
        """Their natural logarithms, for what works with ratios."""
        return (
            log(self.p50) if self.p50 > 0 else -inf,
            log(self.p90) if self.p90 > 0 else -inf,
        )


def quantiles(wait: Moments) -> Quantiles:
    """Return the median and the 90th percentile of the gamma variable with these moments.

    By the cube root that makes a gamma variable nearly normal (E. B. Wilson, M. M. Hilferty,
    PNAS 17, 1931): within 1.5 % of the truth for one exponential time, and the closer the more
    of them are added.
    """
    spread = wait.variance / wait.mean**2  # 1 for one exponential time, 1/n for n alike
    centre = 1.0 - spread / 9.0
    return Quantiles(wait.mean * centre**3, wait.mean * (centre + Z90 * sqrt(spread) / 3.0) ** 3)
