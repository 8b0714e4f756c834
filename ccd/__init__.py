"""ccd: a call centre for securities brokerages, over SIP and RTP."""

__version__ = "0.1.0"
