"""Finding the settings file that a command is to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ccd.errors import CcdError
from ccd.paths import SYSTEM_SETTINGS, StatePaths, settings_path, user_settings

if TYPE_CHECKING:
    from ccd.settings.load import Loaded


def load_settings(config: Path | None, paths: StatePaths) -> Loaded:
    """Return the settings with their places. Raises CcdError where there is no file, or a wrong one."""
    from ccd.settings.load import load_with_places

    file = settings_path(config, paths)
    if file is None:
        looked = ", ".join(map(str, (paths.settings, user_settings(), SYSTEM_SETTINGS)))
        raise CcdError(
            f"there is no settings file (looked for {looked}). Write one with `ccd init`, "
            "or try things out with `ccd run --demo`"
        )
    return load_with_places(file)
