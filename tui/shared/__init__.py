"""What all screens share: words, themes, keys, the link to the daemon."""
