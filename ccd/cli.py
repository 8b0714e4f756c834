"""`ccd`: the command line.

Each command lives in its own file of `ccd.commands`; here they are put together. A
failure that explains itself (`CcdError`) is shown as its message; any other is a fault of
ours: one line for the user, the traceback into the log.
"""

from __future__ import annotations

import sys

import typer

from ccd.commands import (
    acd,
    agent,
    audit,
    calls,
    config,
    customers,
    demo,
    dial_plan,
    doctor,
    init,
    keys,
    options,
    password,
    reload,
    run,
    status,
    unlock,
    version,
)
from ccd.commands.adding import add
from ccd.errors import CcdError

EXIT_FAULT = 70
"""EX_SOFTWARE of sysexits(3): the program failed, not its user."""

HELP = """\
A call centre in the terminal: IVR, queues and agents over SIP and RTP.

[bold]ccd demo[/] shows it at work on this machine, [bold]ccd init[/] begins an installation.
"""

EPILOG = """\
CCD_STATE stands for --state, CCD_CONFIG for --config, where they are not
given. NO_COLOR turns colours off. More about one: ccd COMMAND --help
"""

RUNNING = "Run"
LOOKING = "Look"
SETTING_UP = "Set up"

app = typer.Typer(
    name="ccd",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.callback()(options.connection)

add(app, run.run, RUNNING, run.EPILOG)
add(app, demo.demo, RUNNING, demo.EPILOG)
add(app, agent.agent, RUNNING, agent.EPILOG)
add(app, reload.reload, RUNNING, reload.EPILOG)
add(app, status.status, LOOKING, status.EPILOG)
add(app, calls.calls, LOOKING, calls.CALLS_EPILOG)
add(app, calls.call, LOOKING, calls.CALL_EPILOG)
add(app, dial_plan.dial_plan, LOOKING, dial_plan.EPILOG)
app.add_typer(acd.app, name="acd", rich_help_panel=LOOKING)
app.add_typer(customers.app, name="customers", rich_help_panel=LOOKING)
add(app, audit.audit, LOOKING, audit.EPILOG)
add(app, unlock.unlock, RUNNING, unlock.EPILOG)
add(app, init.init, SETTING_UP, init.EPILOG)
app.add_typer(keys.app, name="keys", rich_help_panel=SETTING_UP)
add(app, password.password, SETTING_UP, password.EPILOG)

settings_app = typer.Typer(
    help="Show, check and describe the settings.", no_args_is_help=True, rich_markup_mode="rich"
)
add(settings_app, config.show, None, config.SHOW_EPILOG)
add(settings_app, config.validate, None, "")
add(settings_app, config.schema, None, config.SCHEMA_EPILOG)
app.add_typer(settings_app, name="config", rich_help_panel=SETTING_UP)

add(app, doctor.doctor, SETTING_UP, doctor.EPILOG)
add(app, version.version, SETTING_UP, "")


def main() -> None:
    """Run the command line; the `ccd` entry point."""
    try:
        app(prog_name="ccd")
    except CcdError as error:
        for line in str(error).splitlines():
            print(f"ccd: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception as error:  # the last frame: nobody above could do better
        sys.exit(_fault(error))


def _fault(error: Exception) -> int:
    """Leave a traceback in the log, say where, return the exit status."""
    import logging

    from ccd import log
    from ccd.paths import state_paths

    file = state_paths(options.chosen_state()).log
    where = f"the traceback is in {file}"
    try:
        log.configure(file, terminal=False)
    except OSError:
        log.configure(None, terminal=True)
        where = "the traceback is above"
    logging.getLogger("ccd.cli").error("ccd %s", " ".join(sys.argv[1:]), exc_info=error)
    log.close()
    print(f"ccd: a fault of ours: {type(error).__name__}: {error}; {where}", file=sys.stderr)  # noqa: T201
    return EXIT_FAULT


if __name__ == "__main__":
    main()
