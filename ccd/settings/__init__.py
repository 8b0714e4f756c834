"""From `ccd.toml` to `ccd.config.Settings`, and back: reading, checking, explaining, writing."""

from ccd.settings.load import load
from ccd.settings.problems import Problem, SettingsError

__all__ = ["Problem", "SettingsError", "load"]
