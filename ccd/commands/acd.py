"""`ccd acd`: what is asked of the distributor, about a call or about a whole day.

Each command has a file of its own (`acd_simulate`, `acd_replay` ...) and is added here.
"""

from __future__ import annotations

import typer

from ccd.commands import acd_explain, acd_queues, acd_replay, acd_simulate, acd_skills, acd_verify
from ccd.commands.adding import add

app = typer.Typer(
    help="Ask the distributor: why a call went where it went, and what a day would be like.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

add(app, acd_explain.explain, None, acd_explain.EPILOG)
add(app, acd_queues.queues, None, acd_queues.EPILOG)
add(app, acd_skills.skills, None, acd_skills.EPILOG)
add(app, acd_simulate.simulate, None, acd_simulate.EPILOG)
add(app, acd_replay.replay, None, acd_replay.EPILOG)
add(app, acd_verify.verify, None, acd_verify.EPILOG)
