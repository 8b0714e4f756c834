"""Long random waits: what a caller is told stays true, and never stops by accident."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from ccd.acd.waiting.announcer import Announcer, Phase
from ccd.acd.waiting.wording import EXACT, vocabulary
from ccd.config import Announce, Callback


class Estimated(NamedTuple):
    p50: float | None
    p90: float | None


SECONDS = st.none() | st.floats(0, 5_000)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["due", "due", "spoken", "assigned", "returned", "moved", "key"]),
        st.none() | st.integers(1, 9) | st.integers(1, 3 * EXACT),
        st.builds(Estimated, SECONDS, SECONDS),
        st.floats(0, 40),
    ),
    max_size=60,
)
ANNOUNCE = st.builds(
    Announce,
    first_s=st.floats(0, 30),
    every_s=st.just(0.0) | st.floats(1, 60),
    position=st.booleans(),
    wait=st.booleans(),
)
CALLBACK = st.builds(
    Callback, offer_position=st.integers(0, 9), offer_ewt_s=st.just(0.0) | st.floats(1, 900)
)
KNOWN = frozenset(vocabulary(["zh", "en"]))


@given(ANNOUNCE, CALLBACK, STEPS)
def test_whatever_happens_in_a_wait(
    announce: Announce,
    callback: Callback,
    steps: list[tuple[str, int | None, Estimated, float]],
) -> None:
    now = 0.0
    announcer = Announcer(announce, callback, ["zh"], now)
    best: int | None = None
    offers = 0
    for what, position, estimate, later in steps:
        now += later
        match what:
            case "due":
                due = announcer.get_timer()
                said = announcer.handle_timer(now, position, estimate)
                if due is None or now < due:
                    assert said is None
                if said is None:
                    continue
                assert said.prompts
                assert KNOWN.issuperset(said.prompts)
                offers += said.offers_callback
                keys = [prompt.key for prompt in said.prompts]
                assert ("acd-callback-offer" in keys) is said.offers_callback
                place = [key for key in keys if key.startswith(("acd-position", "acd-ahead"))]
                if place:
                    assert position is not None
                    assert best is None or position <= best
                    best = position
                assert announcer.get_timer() is None  # until it was heard
            case "spoken":
                announcer.spoken(now)
            case "assigned":
                announcer.assigned()
                assert announcer.get_timer() is None
            case "returned":
                announcer.returned(now)
            case "moved":
                announcer.moved(announce, callback, ["en"], now)
                best = None
            case "key":
                taken = announcer.digit(callback.key)
                assert taken is (offers > 0 and announcer.phase is not Phase.RINGING)
        assert offers <= 1
    # It is never lost: once nobody rings and nothing plays, the next announcement is due.
    announcer.returned(now)
    announcer.spoken(now)
    if announce.every_s > 0:
        assert announcer.get_timer() is not None
