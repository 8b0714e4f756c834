"""The whole centre without a socket: virtual network, virtual time, a patch bay on paper."""
