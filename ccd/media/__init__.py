"""The patch bay: every leg's audio, decoded, mixed and encoded once a frame."""
