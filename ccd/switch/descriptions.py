"""SDP of legs: what we offer, what we answer, and the media that follows from it."""

from __future__ import annotations

from collections.abc import Sequence

from ccd.media.ports import NoPortFree
from ccd.model import Cause
from ccd.sip.negotiation import LocalMedia, NoCommonMedia, offered_remote
from ccd.sip.sdp import SdpError
from ccd.switch.call import Leg
from ccd.switch.patch import Patch


class AnswerRefusedError(Exception):
    """A leg cannot live with its peer's answer; `cause` says why."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Descriptions:
    """Offers and answers of all legs; opens and moves their media as was agreed.

    `address` is where our media is, `codecs` what we take, best first.
    """

    def __init__(self, *, patch: Patch, address: str, codecs: Sequence[str]) -> None:
        self._patch = patch
        self._address = address
        self._codecs = tuple(codecs)

    def offer(self, leg: Leg, *, first: str = "") -> bytes:
        """Our offer for this leg, with the codec `first` before the others."""
        return leg.negotiation.offer(
            self._local(leg, sorted(self._codecs, key=lambda codec: codec != first))
        )

    def prepare(self, leg: Leg, offer: bytes | None) -> None:
        """Take a port for a caller's leg and, where the offer is here, answer it on paper.

        Raises `SdpError`, `NoCommonMedia`, `NoPortFree`.
        """
        host = leg.session.peer.host
        if offer is None:
            leg.port = self._patch.port(None, host, None)
            return
        # Where the peer receives decides our port, and our port goes into the answer.
        leg.port = self._patch.port(offered_remote(offer, self._codecs), host, None)
        self._answer(leg, offer)

    def answer(self, leg: Leg, offer: bytes) -> bytes:
        """Our answer to the peer's new offer; what was agreed is in `leg.agreed`.

        Raises `SdpError`, `NoCommonMedia`, `NoPortFree`; then everything is as it was.
        """
        # Where the peer receives now decides whether our port still serves.
        self._patch.move(leg, offered_remote(offer, self._codecs))
        return self._answer(leg, offer)

    def accept(self, leg: Leg, answer: bytes) -> bool:
        """Open the leg as the peer's answer says. Raises `AnswerRefusedError`.

        True where `leg.port` is another one from now on; a new offer of ours must say so.
        """
        try:
            leg.agreed = leg.negotiation.accept(answer)
            moved = self._patch.move(leg, leg.agreed.remote)
        except (SdpError, NoCommonMedia) as error:
            raise AnswerRefusedError(Cause.INCOMPATIBLE_MEDIA, str(error)) from error
        except NoPortFree as error:
            raise AnswerRefusedError(Cause.MEDIA_FAILED, str(error)) from error
        self._patch.open(leg)
        return moved

    def _answer(self, leg: Leg, offer: bytes) -> bytes:
        answer, leg.agreed = leg.negotiation.answer(offer, self._local(leg, self._codecs))
        return answer

    def _local(self, leg: Leg, codecs: Sequence[str]) -> LocalMedia:
        assert leg.port is not None
        return LocalMedia(address=self._address, port=leg.port.number, codecs=tuple(codecs))
