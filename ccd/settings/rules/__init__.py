"""What types cannot say about settings, a file a concept; `ccd.settings.check` goes through them."""
