"""The E-model: how a conversation is rated from what is known of its path (ITU-T G.107).

    R = Ro - Is - Id - Ie_eff + A

Ro: signal to noise; Is: what happens with the speech itself (loudness, sidetone,
quantising); Id: delay and echo; Ie_eff: codec and packet loss; A: what people put up with
for some advantage. All of it is computed, with G.107's names and default values, though
a daemon knows only delay and loss: the rest are the defaults, by which R is 93.2.

`delay_ms` is one way, mouth to ear. Echo is that of G.107's default telephone (TELR 65 dB)
unless `echo_loss_db` says otherwise.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

# G.107 (06/2015), table 2: default values. dB, dBm, dBm0p, dB(A) as there.
_SLR: Final = 8.0
_RLR: Final = 2.0
_OLR: Final = _SLR + _RLR
_STMR: Final = 15.0
_LSTR: Final = 18.0
_DS: Final = 3.0
_WEPL: Final = 110.0
_QDU: Final = 1.0
_NC: Final = -70.0
_NFOR: Final = -64.0
_PS: Final = 35.0
_PR: Final = 35.0

DEFAULT_ECHO_LOSS_DB: Final = 65.0
"""TELR, the loss between talking and hearing oneself again."""


class Impairment(NamedTuple):
    """A codec in the E-model (ITU-T G.113): `ie` without loss, `bpl` its robustness to it."""

    ie: float
    bpl: float


G711_CONCEALED: Final = Impairment(0.0, 25.1)
"""G.711 with packet-loss concealment as in its appendix I (G.113 appendix I, table I.4)."""

G711_PLAIN: Final = Impairment(0.0, 4.3)
"""G.711 where lost packets are silence."""


def r_factor(
    *,
    delay_ms: float = 0.0,
    loss: float = 0.0,
    burst_ratio: float = 1.0,
    codec: Impairment = G711_CONCEALED,
    echo_loss_db: float = DEFAULT_ECHO_LOSS_DB,
    advantage: float = 0.0,
) -> float:
    """The rating R of one direction, 0 to 100.

    `loss` is the fraction of packets that were not there to be played, lost or late;
    `burst_ratio` is 1 where they went singly at random (see `burst_ratio` in
    `ccd.media.quality`). Raises ValueError for what can't be.
    """
    if not 0.0 <= loss <= 1.0:
        raise ValueError(f"a loss of {loss}: must be a fraction, 0 to 1")
    if not delay_ms >= 0.0 or not burst_ratio > 0.0:
        raise ValueError(f"a delay of {delay_ms} ms and a burst ratio of {burst_ratio}")
    noise = _noise()
    ro = 15.0 - 1.5 * (_SLR + noise)
    rating = (
        ro
        - simultaneous_impairment(ro, noise, delay_ms, echo_loss_db)
        - delay_impairment(ro, noise, delay_ms, echo_loss_db)
        - equipment_impairment(codec, loss, burst_ratio)
        + advantage
    )
    return min(max(rating, 0.0), 100.0)


def mos(r: float) -> float:
    """Mean opinion score, 1 to 4.5, that conversations rated R get (G.107 annex B)."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    # The cubic dips below 1 for R under 6.5, which is no score.
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def _norm(x: float, power: int) -> float:
    """The smooth corner that G.107 is fond of: about 1 for small x, about x for large."""
    return math.pow(1.0 + math.pow(x, power), 1.0 / power)


def _noise() -> float:
    """No, dBm0p: circuit, room at both sides, and subscriber line noise (7.2)."""
    sender = _PS - _SLR - _DS - 100.0 + 0.004 * (_PS - _OLR - _DS - 14.0) ** 2
    effective = _PR + 10.0 * math.log10(1.0 + 10.0 ** ((10.0 - _LSTR) / 10.0))
    receiver = _RLR - 121.0 + effective + 0.008 * (effective - 35.0) ** 2
    floor = _NFOR + _RLR
    return 10.0 * math.log10(sum(10.0 ** (part / 10.0) for part in (_NC, sender, receiver, floor)))


def simultaneous_impairment(ro: float, noise: float, delay_ms: float, echo_loss_db: float) -> float:
    """Is (7.3): too loud, sidetone, quantising distortion."""
    loudness = _OLR + 0.2 * (64.0 + noise - _RLR)
    too_loud = 20.0 * (_norm(loudness / 8.0, 8) - loudness / 8.0)
    q = 37.0 - 15.0 * math.log10(_QDU)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (ro - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0
    z = 46.0 / 30.0 - g / 40.0
    quantising = 15.0 * math.log10(1.0 + 10.0**y + 10.0**z)
    return too_loud + _sidetone(delay_ms, echo_loss_db) + quantising


def _sidetone(delay_ms: float, echo_loss_db: float) -> float:
    """Ist: one's own voice at once; an echo without delay is part of it."""
    stmr = -10.0 * math.log10(
        10.0 ** (-_STMR / 10.0) + math.exp(-delay_ms / 4.0) * 10.0 ** (-echo_loss_db / 10.0)
    )
    return (
        12.0 * _norm((stmr - 13.0) / 6.0, 8)
        - 28.0 * _norm((stmr + 1.0) / 19.4, 35)
        - 13.0 * _norm((stmr - 3.0) / 33.0, 13)
        + 29.0
    )


def delay_impairment(ro: float, noise: float, delay_ms: float, echo_loss_db: float) -> float:
    """Id (7.4): the talker's echo, the listener's, and delay itself."""
    return (
        _talker_echo(noise, delay_ms, echo_loss_db)
        + _listener_echo(ro, 2.0 * delay_ms)
        + pure_delay_impairment(delay_ms)
    )


def _talker_echo(noise: float, delay_ms: float, echo_loss_db: float) -> float:
    """Idte; G.107 leaves it out below 1 ms. Sidetone (STMR 15) needs no correction."""
    if delay_ms < 1.0:
        return 0.0
    terv = (
        echo_loss_db
        - 40.0 * math.log10((1.0 + delay_ms / 10.0) / (1.0 + delay_ms / 150.0))
        + 6.0 * math.exp(-0.3 * delay_ms**2)
    )
    difference = -1.5 * (noise - _RLR) - (80.0 + 2.5 * (terv - 14.0))
    return (difference / 2.0 + math.sqrt(difference**2 / 4.0 + 100.0) - 1.0) * (
        1.0 - math.exp(-delay_ms)
    )


def _listener_echo(ro: float, round_trip_ms: float) -> float:
    """Idle."""
    rle = 10.5 * (_WEPL + 7.0) * math.pow(round_trip_ms + 1.0, -0.25)
    return (ro - rle) / 2.0 + math.sqrt((ro - rle) ** 2 / 4.0 + 169.0)


def pure_delay_impairment(delay_ms: float) -> float:
    """Idd: what a long delay does to a conversation without any echo; none up to 100 ms."""
    if delay_ms <= 100.0:
        return 0.0
    x = math.log2(delay_ms / 100.0)
    return 25.0 * (_norm(x, 6) - 3.0 * _norm(x / 3.0, 6) + 2.0)


def equipment_impairment(codec: Impairment, loss: float, burst_ratio: float) -> float:
    """Ie_eff (7.5): the codec and what packet loss makes of it."""
    percent = 100.0 * loss
    return codec.ie + (95.0 - codec.ie) * percent / (percent / burst_ratio + codec.bpl)
