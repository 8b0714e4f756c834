"""SIP statuses and CSTA causes, each in the other's words (RFC 3261, 21; RFC 3326)."""

from __future__ import annotations

from ccd.model import Cause

_CAUSE_OF_STATUS = {
    401: Cause.REJECTED,
    403: Cause.REJECTED,
    404: Cause.DESTINATION_NOT_OBTAINABLE,
    407: Cause.REJECTED,
    408: Cause.DESTINATION_OUT_OF_ORDER,
    410: Cause.DESTINATION_NOT_OBTAINABLE,
    415: Cause.INCOMPATIBLE_MEDIA,
    480: Cause.DESTINATION_OUT_OF_ORDER,
    484: Cause.DESTINATION_NOT_OBTAINABLE,
    486: Cause.BUSY,
    487: Cause.CALL_CANCELLED,
    488: Cause.INCOMPATIBLE_MEDIA,
    503: Cause.DESTINATION_OUT_OF_ORDER,
    600: Cause.BUSY,
    603: Cause.REJECTED,
    606: Cause.INCOMPATIBLE_MEDIA,
}

_STATUS_OF_CAUSE = {
    Cause.BUSY: 486,
    Cause.NO_ANSWER: 480,
    Cause.CALL_CANCELLED: 487,
    Cause.DESTINATION_NOT_OBTAINABLE: 404,
    Cause.DESTINATION_OUT_OF_ORDER: 480,
    Cause.INCOMPATIBLE_MEDIA: 488,
    Cause.OVERLOAD: 503,
    Cause.TRUNKS_BUSY: 503,
    Cause.SHUTDOWN: 503,
    Cause.REJECTED: 603,
}

_Q850 = {
    Cause.NORMAL_CLEARING: 16,
    Cause.BUSY: 17,
    Cause.NO_ANSWER: 19,
    Cause.REJECTED: 21,
    Cause.DESTINATION_OUT_OF_ORDER: 27,
    Cause.TRUNKS_BUSY: 34,
    Cause.NETWORK_FAILURE: 38,
    Cause.MEDIA_WORKER_LOST: 41,
    Cause.OVERLOAD: 42,
    Cause.MEDIA_FAILED: 47,
    Cause.INCOMPATIBLE_MEDIA: 88,
    Cause.MEDIA_TIMEOUT: 102,
}
"""ITU-T Q.850 cause numbers, for the Reason header."""


def cause_of_status(status: int) -> Cause:
    """The CSTA cause of a SIP final response other than 2xx."""
    return _CAUSE_OF_STATUS.get(
        status, Cause.NETWORK_FAILURE if status >= 500 else Cause.DESTINATION_NOT_OBTAINABLE
    )


def status_of_cause(cause: Cause) -> int:
    """The SIP status with which a call that is not yet answered is refused."""
    return _STATUS_OF_CAUSE.get(cause, 500)


def reason_header(cause: Cause) -> str | None:
    """A Reason header's value for a BYE or CANCEL (RFC 3326), where there is one for the cause.

    A phone that is told of a 200 counts no missed call (RFC 3326, 2).
    """
    if cause is Cause.ANSWERED_ELSEWHERE:
        return 'SIP;cause=200;text="Call completed elsewhere"'
    number = _Q850.get(cause)
    return None if number is None else f'Q.850;cause={number};text="{cause.value}"'
