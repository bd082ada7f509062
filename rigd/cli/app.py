"""The command line: ``rigd COMMAND``; each command ends with what to do next.

Exit codes: 0 done, 1 error, 2 bad input, 3 another session owns the bot, 4 halted by a loss or a
latched kill switch, 5 killed, 6 a record was changed, 7 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from rigd.core.errors import ExitCode, RigdError

INTERRUPTED_BY_TYPER = 130
"""With this code, and without a word, typer ends a command that was interrupted."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A research and trading environment with a bot hosted in a notebook's kernel.",
    epilog="Exit codes: 0 done, 1 error, 2 bad input, 3 already running, 4 halted, 5 killed, "
    "6 record changed, 7 interrupted. Next: rigd session",
)
config_app = typer.Typer(no_args_is_help=True, help="Check, show and change the settings.")
ledger_app = typer.Typer(no_args_is_help=True, help="Check and export the books.")
risk_app = typer.Typer(no_args_is_help=True, help="Show and reset the kill switch.")
defense_app = typer.Typer(no_args_is_help=True, help="Show, begin and leave defense mode.")
mapping_app = typer.Typer(no_args_is_help=True, help="Show and change the inverse ETFs.")
flags_app = typer.Typer(no_args_is_help=True, help="Raise and clear the control flags.")
users_app = typer.Typer(no_args_is_help=True, help="Who may log in, and as what.")
universe_app = typer.Typer(no_args_is_help=True, help="Build and show the symbols to trade.")
blocklist_app = typer.Typer(no_args_is_help=True, help="Symbols that no universe may hold.")
universe_app.add_typer(blocklist_app, name="blocklist")
build_app = typer.Typer(no_args_is_help=True, help="Check and seal what is launched.")
proposal_app = typer.Typer(no_args_is_help=True, help="Approve, activate and undo proposals.")
deploy_app = typer.Typer(no_args_is_help=True, help="Install and start the service, no root.")
app.add_typer(deploy_app, name="deploy")
app.add_typer(build_app, name="build")
app.add_typer(proposal_app, name="proposal")
app.add_typer(config_app, name="config")
keys_app = typer.Typer(no_args_is_help=True, help="Exchange the key of the secrets.")
app.add_typer(keys_app, name="keys")
alerts_app = typer.Typer(no_args_is_help=True, help="Try the channels of alerts.")
app.add_typer(alerts_app, name="alerts")
app.add_typer(ledger_app, name="ledger")
app.add_typer(risk_app, name="risk")
app.add_typer(defense_app, name="defense")
app.add_typer(mapping_app, name="mapping")
app.add_typer(flags_app, name="flags")
app.add_typer(universe_app, name="universe")
app.add_typer(users_app, name="users")

UserName = Annotated[str, typer.Argument(metavar="NAME", help="In small letters.")]
Run = Annotated[bool, typer.Option("--run", help="Take the steps; they are printed alone else.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
PanelPort = Annotated[
    int | None,
    typer.Option("--port", help="The panel's port on this machine; without it PORT of env/.env."),
]
HealthPort = Annotated[
    int, typer.Option("--health-port", help="/health and /metrics; 0 for any free port.")
]
PanelAddress = Annotated[
    str | None,
    typer.Option(
        "--panel-address",
        help="Where the panel listens, not IP of env/.env; beyond loopback with a certificate.",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", help="The panel's certificate with its chain, PEM.")
]
CertificateKey = Annotated[
    Path | None, typer.Option("--certificate-key", help="Its key, PEM, mode 600.")
]


@app.command()
def session(
    data: Annotated[
        str, typer.Option(help="Folder of bar files; the built-in sample without it.")
    ] = "",
    date: Annotated[str, typer.Option(help="Exchange day, YYYY-MM-DD.")] = "",
    symbols: Annotated[str, typer.Option(help="What to trade, such as SPY,IBM,BAC.")] = "",
    bar_stamp: Annotated[
        str, typer.Option(help="Whether stamps are bar starts or ends: start, end.")
    ] = "start",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting for this session; repeatable."),
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Market seconds per second; 0 is as fast as possible.")
    ] = 0.0,
    supervised: Annotated[  # noqa: FBT002 - a switch
        bool,
        typer.Option(
            "--supervised",
            help="Restart an engine that hangs or dies; close all if it keeps dying.",
        ),
    ] = False,
    universe: Annotated[
        str, typer.Option(help="Trade only symbols of a universe: latest, a stamp or a version.")
    ] = "",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Run one session of the bot in a notebook's kernel, on the simulated broker."""
    import rigd.cli.session as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.run(
            data=data,
            day=date,
            symbols=symbols,
            bar_stamp=bar_stamp,
            changes=changes or [],
            speed=speed,
            supervised=supervised,
            universe=universe,
            as_json=as_json,
        )
    )


@app.command()
def backtest(
    strategy: Annotated[str, typer.Option(help="open, mid, close, or all by the router.")] = "all",
    start: Annotated[str, typer.Option(help="First exchange day, YYYY-MM-DD.")] = "",
    end: Annotated[str, typer.Option(help="Last exchange day; the first one without it.")] = "",
    data: Annotated[
        str, typer.Option(help="Folder of bar files; the built-in sample without it.")
    ] = "",
    symbols: Annotated[str, typer.Option(help="What may be traded, such as SPY,IBM.")] = "",
    bar_stamp: Annotated[
        str, typer.Option(help="Whether stamps are bar starts or ends: start, end.")
    ] = "start",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting; repeatable."),
    ] = None,
    cash: Annotated[str, typer.Option(help="Cash at the first open.")] = "",
    config: Annotated[
        str, typer.Option(help="A settings file, such as env/.env_bot.test; else the bot's own.")
    ] = "",
    data_source: Annotated[
        str, typer.Option("--data_source", "--data-source", help="CSV: the files of --data.")
    ] = "CSV",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Run a strategy over days of minute bars in a notebook; nothing is traded or posted."""
    import rigd.cli.backtest as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.run(
            strategy=strategy,
            start=start,
            end=end,
            data=data,
            symbols=symbols,
            bar_stamp=bar_stamp,
            changes=changes or [],
            cash=cash,
            config=config,
            data_source=data_source,
            as_json=as_json,
        )
    )


@app.command()
def compare(
    session: Annotated[str, typer.Argument(help="A session, its folder, or 'latest'.")] = "latest",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Replay a session's day as a backtest and split every difference of its trades."""
    import rigd.cli.compare as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(session, as_json=as_json))


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def kill(context: typer.Context) -> None:
    """Cancel and close everything now, with nothing else working; 0 only when verified flat."""
    import rigd.cli.kill as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.main(context.args))


@app.command()
def verify(
    record: Annotated[str, typer.Argument(help="A session's folder, or 'latest'.")] = "latest",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Find every changed, cut or reordered byte of a session's record and of the books."""
    import rigd.cli.records as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.verify(record, as_json=as_json))


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(help="The symbol to explain.")],
    session: Annotated[str, typer.Option(help="A session's folder, or 'latest'.")] = "latest",
) -> None:
    """Tell the whole chain of decisions about a symbol in a session."""
    import rigd.cli.records as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.why(symbol, session))


@app.command()
def review(
    session: Annotated[str, typer.Argument(help="A session, its folder, or 'latest'.")] = "latest",
    symbol: Annotated[str, typer.Option(help="Whose decisions to tell in full.")] = "",
) -> None:
    """Review a past session in a notebook: record, funnel, trades, decisions, orders, seal."""
    import rigd.cli.records as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.review(session, symbol))


@app.command()
def tuning(
    rebuild: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--rebuild", help="Make the tables again from the sealed sessions.")
    ] = False,
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Compare what each strategy made of its trigger over all sessions."""
    import rigd.cli.tuning as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(rebuild=rebuild, as_json=as_json))


@app.command()
def sweep(
    strategy: Annotated[str, typer.Option(help="open, mid or close.")] = "",
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=a,b|lo:hi:step", help="A key with its values; repeatable."),
    ] = None,
    data: Annotated[str, typer.Option(help="Folder of bar files; the sample without it.")] = "",
    start: Annotated[str, typer.Option(help="First exchange day, YYYY-MM-DD.")] = "",
    end: Annotated[str, typer.Option(help="Last exchange day; the first one without it.")] = "",
    symbols: Annotated[str, typer.Option(help="Such as SPY,IBM; every one without it.")] = "",
    bar_stamp: Annotated[
        str, typer.Option(help="Whether stamps are bar starts or ends: start, end.")
    ] = "start",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting for this sweep; repeatable."),
    ] = None,
    entries: Annotated[
        int, typer.Option(help="Entries of a symbol a day; more than 1 re-enters, 0 has no limit.")
    ] = 1,
    portfolio: Annotated[  # noqa: FBT002 - a switch
        bool,
        typer.Option("--portfolio", help="One account for all symbols: ranked pool and all caps."),
    ] = False,
    by: Annotated[str, typer.Option(help="What the best are ranked by, such as pnl.")] = "pnl",
    jobs: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
    cluster: Annotated[str, typer.Option(help="Address of a Dask scheduler.")] = "",
    resume: Annotated[str, typer.Option(metavar="ID", help="A sweep that was cut off.")] = "",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Run a strategy with every combination of a grid of settings; Ctrl-C can be resumed."""
    import rigd.cli.sweep as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.run(
            strategy=strategy,
            grid=grid or [],
            data=data,
            start=start,
            end=end,
            symbols=symbols,
            bar_stamp=bar_stamp,
            changes=changes or [],
            entries_a_day=entries,
            portfolio=portfolio,
            by=by,
            jobs=jobs,
            cluster=cluster,
            resume=resume,
            as_json=as_json,
        )
    )


@app.command()
def warmup() -> None:
    """Compile the kernels of backtest and sweep once, so that nothing waits for them later."""
    import rigd.cli.sweep as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.warmup())


@app.command()
def doctor(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Check this machine and this home; name a fix for each finding."""
    import rigd.cli.doctor as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(as_json=as_json))


@app.command()
def up(
    port: PanelPort = None,
    health_port: HealthPort = 8080,
    no_panel: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--no-panel", help="Start no control panel.")
    ] = False,
    on_schedule: Annotated[  # noqa: FBT002 - a switch
        bool,
        typer.Option(
            "--on-schedule",
            help="Let Start arm the schedule in the TEST profile too, instead of a session now.",
        ),
    ] = False,
    speed: Annotated[
        float,
        typer.Option(help="Market seconds per second of the sample; 0 is as fast as possible."),
    ] = 600.0,
    panel_address: PanelAddress = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
) -> None:
    """Be the bot's supervisor: panel, schedule, sessions, health; Ctrl-C closes and ends it."""
    import rigd.cli.up as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.run(
            port=port,
            health_port=health_port,
            with_panel=not no_panel,
            on_schedule=on_schedule,
            speed=speed,
            address=panel_address,
            certificate=certificate,
            certificate_key=certificate_key,
        )
    )


@app.command()
def health(
    detailed: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--detailed", help="Each part and each service.")
    ] = False,
    server: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--server", help="Answer on a port until interrupted.")
    ] = False,
    port: Annotated[int, typer.Option(help="With --server: the port; 0 for any.")] = 8080,
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Tell how the bot is, from its files; exit code 0 while it is well."""
    import rigd.cli.up as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.health(detailed=detailed, server=server, port=port, as_json=as_json))


@app.command("test")
def run_tests(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Tests such as env_bot; without any, a dry run of the whole bot."),
    ] = None,
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Run in TEST_MODE: raises the flag, which one run uses up; live data stays as it is."""
    import rigd.cli.testing as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(names or [], as_json=as_json))


@app.command()
def chaos(
    seeds: Annotated[int, typer.Option(help="How many seeds to run.")] = 1000,
    start: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seed: Annotated[int, typer.Option(help="Run this one alone and print its trace hash.")] = -1,
    jobs: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
    profile: Annotated[str, typer.Option(help="swarm, lite or calm.")] = "swarm",
    minutes: Annotated[int, typer.Option(help="The longest day [minutes].")] = 400,
    trace: Annotated[
        Path | None, typer.Option(help="With --seed: file for every event of the run.")
    ] = None,
    shrink: Annotated[  # noqa: FBT002 - a switch
        bool,
        typer.Option("--shrink", help="With --seed: leave out what the failure does not need."),
    ] = False,
    mutants: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--mutants", help="Plant bugs in memory; each must be found.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for the figures as JSON.")
    ] = None,
) -> None:
    """Run whole simulated days with faults and check every invariant after each event."""
    import rigd.cli.chaos as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.run(
            command.Request(
                seeds=seeds,
                start=start,
                seed=seed,
                jobs=jobs,
                profile=profile,
                minutes=minutes,
                trace=trace,
                shrinks=shrink,
                mutants=mutants,
                json_file=json_file,
            )
        )
    )


@app.command()
def crashmatrix(
    session: Annotated[str, typer.Option(help="Which session is cut: small or full.")] = "small",
    inject: Annotated[
        str, typer.Option(help="What happens at a boundary: kill, int, enospc, eio.")
    ] = "kill,int,enospc,eio",
    sample: Annotated[
        int, typer.Option(help="So many moments, spread evenly; all of them without it.")
    ] = 0,
    at: Annotated[
        str, typer.Option(metavar="FAULT:NTH", help="One moment alone, as a violation names it.")
    ] = "",
    out: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the figures.")] = "",
) -> None:
    """Cut a session's process at every write, sync, rename and send; it must end as if uncut."""
    import rigd.cli.crashes as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.crashmatrix(session=session, inject=inject, sample=sample, at=at, out=out))


@app.command()
def powerloss(
    images: Annotated[int, typer.Option(help="How many images of a lost disk to open.")] = 5000,
    session: Annotated[str, typer.Option(help="Which session is traced: small or full.")] = "small",
    out: Annotated[str, typer.Option("--json", metavar="FILE", help="Write the figures.")] = "",
) -> None:
    """Open images of disks that lost power: what was acknowledged is there, and all is sound."""
    import rigd.cli.crashes as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.powerloss(session=session, images=images, out=out))


@deploy_app.command("install")
def deploy_install(
    run: Run = False,  # noqa: FBT002 - a switch
    port: PanelPort = None,
    health_port: HealthPort = 8080,
    panel_address: PanelAddress = None,
    certificate: Certificate = None,
    certificate_key: CertificateKey = None,
) -> None:
    """Link the user units of supervisor and JupyterLab, and let them outlive the log-in."""
    import rigd.cli.deploy as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(
        command.install(
            really=run,
            port=port,
            health_port=health_port,
            address=panel_address,
            certificate=certificate,
            certificate_key=certificate_key,
        )
    )


@deploy_app.command("start")
def deploy_start(run: Run = False) -> None:  # noqa: FBT002 - a switch
    """Start the service and show it."""
    import rigd.cli.deploy as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.start(really=run))


@deploy_app.command("docker")
def deploy_docker(run: Run = False) -> None:  # noqa: FBT002 - a switch
    """Build and start the container: not root, read-only, with a health check."""
    import rigd.cli.deploy as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.docker(really=run))


@deploy_app.command("status")
def deploy_status() -> None:
    """Tell whether the service is installed and would run after a start of the machine."""
    import rigd.cli.deploy as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.status())


@build_app.command("check")
def build_check(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Check files, configuration, chart of accounts and schema, as every launch does."""
    import rigd.cli.build as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.check(as_json=as_json))


@build_app.command("seal")
def build_seal(
    reason: Annotated[str, typer.Option(help="Why; kept in the manifest and the audit log.")],
) -> None:
    """Accept the build as it lies there, so that launches compare with it; audited."""
    import rigd.cli.build as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.seal(reason))


@config_app.command("check")
def config_check(
    file: Annotated[str, typer.Argument(help="A settings file; the bot's own without it.")] = "",
) -> None:
    """Check a settings file and report every error at once."""
    import rigd.cli.settings as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.check(file))


@config_app.command("show")
def config_show(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Show the bot's settings with their defaults; secrets never."""
    import rigd.cli.settings as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.show(as_json=as_json))


@config_app.command("set")
def config_set(
    changes: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…")],
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
) -> None:
    """Change settings, validated as a whole, sealed and audited; a running session takes them in.

    Keys marked (start) are refused while a session runs.
    """
    import rigd.cli.settings as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.change(changes, reason))


@config_app.command("import")
def config_import(
    file: Annotated[str, typer.Argument(help="config.yaml of the bot of document stability.")] = "",
    environment: Annotated[
        str, typer.Option(help="Its exported environment, a file or - for standard input.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
    run: Run = False,  # noqa: FBT002 - a switch
) -> None:
    """Take over settings and mail of an older bot; tells first where each old name goes."""
    import rigd.cli.migration as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(file, environment, reason, take=run))


@config_app.command("encrypt")
def config_encrypt(
    file: Annotated[str, typer.Argument(help="A settings file; - reads standard input.")] = "-",
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
    *,
    fernet: Annotated[
        bool, typer.Option(help="It is a Fernet token; ENCRYPTION_KEY of env/.env opens it.")
    ] = False,
) -> None:
    """Seal a whole settings text, byte for byte, with a new key; audited."""
    import rigd.cli.settings as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.encrypt(file, reason, fernet=fernet))


@config_app.command("decrypt")
def config_decrypt(
    reason: Annotated[str, typer.Option(help="Why; goes into the log of key uses.")] = "",
) -> None:
    """Print the sealed settings, byte for byte; who asked is on record."""
    import rigd.cli.settings as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.decrypt(reason))


@keys_app.command("rotate")
def keys_rotate(
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
) -> None:
    """Exchange the key and seal every secret anew, in one switch; a running session goes on."""
    import rigd.cli.keys as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.rotate(reason))


@alerts_app.command("test")
def alerts_test() -> None:
    """Send a trial alert to each channel that is set up, and say what came of it."""
    import rigd.cli.alerts as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.test())


@ledger_app.command("check")
def ledger_check(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Check the books: balances, lots, chain."""
    import rigd.cli.books as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.check(as_json=as_json))


@ledger_app.command("gains")
def ledger_gains(
    year: Annotated[int | None, typer.Option(help="Of lots that were closed in it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; beside the books without it.")
    ] = None,
) -> None:
    """Write the realised gains lot by lot, for a tax filing."""
    import rigd.cli.books as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.gains(year, out))


@ledger_app.command("export")
def ledger_export(
    form: Annotated[str, typer.Option("--format", help="ofx, beancount, csv or json.")] = "ofx",
    out: Annotated[
        Path | None, typer.Option(help="File to write; beside the books without it.")
    ] = None,
) -> None:
    """Export the books."""
    import rigd.cli.books as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.export(form, out))


@ledger_app.command("recount")
def ledger_recount(
    session: Annotated[str, typer.Argument(help="A session, its folder, or 'latest'.")] = "latest",
) -> None:
    """Count a session's PnL again with vectorbt, from its executions alone."""
    import rigd.cli.books as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.recount(session))


@risk_app.command("show")
def risk_show() -> None:
    """Show the kill switch and the day's loss counter."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.risk_show())


@risk_app.command("reset")
def risk_reset(
    reason: Annotated[str, typer.Option(help="Why it may be reset; goes into the audit log.")],
) -> None:
    """Release a latched kill switch; audited."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.risk_reset(reason))


@defense_app.command("show")
def defense_show() -> None:
    """Show whether defense mode is on, and why."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.defense_show())


@defense_app.command("on")
def defense_on(
    reason: Annotated[str, typer.Option(help="Why it begins; goes into the audit log.")],
) -> None:
    """Begin defense mode with the next session; audited."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.defense_switch(reason, on=True))


@defense_app.command("off")
def defense_off(
    reason: Annotated[str, typer.Option(help="Why it may end; goes into the audit log.")],
) -> None:
    """Leave defense mode; audited."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.defense_switch(reason, on=False))


@users_app.command("list")
def users_list(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Show the users with their roles."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.show(as_json=as_json))


@users_app.command("add")
def users_add(
    name: UserName,
    role: Annotated[str, typer.Option(help="viewer, auditor, operator or admin.")] = "viewer",
) -> None:
    """Add a user; the password is asked for, or read from a pipe. The first is an admin."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.add(name, role))


@users_app.command("role")
def users_role(
    name: UserName,
    role: Annotated[str, typer.Argument(help="viewer, auditor, operator or admin.")],
) -> None:
    """Give a user another role, at once."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.change_role(name, role))


@users_app.command("disable")
def users_disable(name: UserName) -> None:
    """Keep a user out; open sessions end."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.enable(name, on=False))


@users_app.command("enable")
def users_enable(name: UserName) -> None:
    """Let a user in again."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.enable(name, on=True))


@users_app.command("remove")
def users_remove(name: UserName) -> None:
    """Remove a user with all sessions."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.remove(name))


@users_app.command("password")
def users_password(name: UserName) -> None:
    """Set a user's new password; open sessions end."""
    import rigd.cli.users as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.reset(name))


@mapping_app.command("show")
def mapping_show(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Show the table of inverse ETFs."""
    import rigd.cli.mapping as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.show(as_json=as_json))


@mapping_app.command("set")
def mapping_set(
    pairs: Annotated[list[str], typer.Argument(metavar="SYMBOL=FUND", help="SYMBOL= removes it.")],
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")],
) -> None:
    """Map symbols to their inverse ETFs; the table gets its next version, audited."""
    import rigd.cli.mapping as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.change(pairs, reason))


@flags_app.command("raise")
def flags_raise(
    command_name: Annotated[str, typer.Argument(metavar="start|stop|kill")],
    reason: Annotated[
        str, typer.Option(help="Why; goes into the flag and the record of the session that obeys.")
    ] = "",
) -> None:
    """Raise a control flag for the running session."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.flags_raise(command_name, reason))


@flags_app.command("clear")
def flags_clear() -> None:
    """Remove the control flags that lie there; audited."""
    import rigd.cli.control as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.flags_clear())


@app.command()
def lab(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser on it.")] = False,  # noqa: FBT002 - a switch
) -> None:
    """Open JupyterLab for research on this machine alone; its address is printed with its token."""
    import rigd.cli.lab as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.lab(port=port, browser=browser))


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="A notebook of notebooks/, such as review.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="A parameter that it declares; repeatable."),
    ] = None,
) -> None:
    """Run a notebook by papermill; a parameter that it does not declare is refused before."""
    import rigd.cli.lab as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.run(notebook, changes or []))


@app.command()
def warm() -> None:
    """Keep a warm parent until interrupted: runs of this home start from it, without imports."""
    import rigd.cli.lab as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.warm())


def _kill_at_once(arguments: list[str]) -> NoReturn:
    """Run `rigd kill` without the parser of the other commands, which takes longer than it."""
    import rigd.cli.kill as command  # noqa: PLC0415 - keeps `rigd --help` light

    sys.exit(command.main(arguments))


@universe_app.command("build")
def universe_build(
    folders: Annotated[
        list[str] | None,
        typer.Option("--from", help="Folder of market files, asked in this order; repeatable."),
    ] = None,
    date: Annotated[str, typer.Option(help="Exchange day of the data, YYYY-MM-DD.")] = "",
    fresh: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--fresh", help="Begin anew, whatever lies there unfinished.")
    ] = False,
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Fetch, filter and publish the universe; takes up a build that was cut off."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.build(folders or [], date, fresh=fresh, as_json=as_json))


@universe_app.command("refilter")
def universe_refilter(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Apply the settings' thresholds to what was fetched, and publish; fetches nothing."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.refilter(as_json=as_json))


@universe_app.command("show")
def universe_show(
    symbol: Annotated[str, typer.Argument(help="One symbol; the whole universe without it.")] = "",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Show where the universe stands, or why a symbol is in it or not."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.show(symbol, as_json=as_json))


@universe_app.command("diff")
def universe_diff(
    old: Annotated[str, typer.Argument(help="Stamp or version; previous.")] = "previous",
    new: Annotated[str, typer.Argument(help="Stamp or version; latest.")] = "latest",
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Show which symbols were added, removed and changed between two universes, and why."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.diff(old, new, as_json=as_json))


@blocklist_app.command("list")
def universe_blocklist_list(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """List the blocked symbols as SYMBOL|reason|UTC|provider."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.blocklist_list(as_json=as_json))


@blocklist_app.command("add")
def universe_blocklist_add(
    symbol: Annotated[str, typer.Argument(help="The symbol to block.")],
    reason: Annotated[str, typer.Option(help="Why; goes into the list and the log.")],
) -> None:
    """Block a symbol from the next build or refilter on."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.blocklist_add(symbol, reason))


@blocklist_app.command("remove")
def universe_blocklist_remove(
    symbol: Annotated[str, typer.Argument(help="The symbol to unblock.")],
) -> None:
    """Take a symbol off the blocklist."""
    import rigd.cli.universe as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.blocklist_remove(symbol))


@app.command()
def optimize(
    strategy: Annotated[str, typer.Option(help="open, mid or close.")] = "open",
    method: Annotated[
        str, typer.Option(help="grid, bayesian or genetic; OPTIMIZER_ALGORITHM without it.")
    ] = "",
    trials: Annotated[int, typer.Option(help="How many; 0 for a whole grid.")] = 0,
    objectives: Annotated[
        str, typer.Option(help="sharpe, gain, drawdown: some of them, the first decides.")
    ] = "sharpe",
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 1,
    lookback: Annotated[
        int, typer.Option(help="Sessions; 0 for OPTIMIZER_BACKTEST_LOOKBACK_DAYS.")
    ] = 0,
    data: Annotated[str, typer.Option(help="Folder of bar files; the sample without it.")] = "",
    end: Annotated[str, typer.Option(help="Last exchange day, YYYY-MM-DD.")] = "",
    symbols: Annotated[str, typer.Option(help="What to trade, such as SPY,IBM,BAC.")] = "",
    bar_stamp: Annotated[str, typer.Option(help="Stamps of bars: start, end.")] = "start",
    levels: Annotated[
        list[str] | None,
        typer.Option("--levels", metavar="KEY=V1,V2", help="Searched values; repeatable."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of this study; repeatable."),
    ] = None,
    proposes: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--propose", help="Write the result as the next proposal.")
    ] = False,
    user: Annotated[str, typer.Option(help="Who proposes; the system's user without it.")] = "",
    in_notebook: Annotated[  # noqa: FBT002 - a switch
        bool, typer.Option("--notebook", help="Run notebooks/optimize.ipynb by papermill.")
    ] = False,
    scheduled: Annotated[  # noqa: FBT002 - a switch
        bool,
        typer.Option("--scheduled", help="Once a session and strategy, for a timer; takes --data."),
    ] = False,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="A notebook's parameter; repeatable."),
    ] = None,
    as_json: Json = False,  # noqa: FBT002 - a switch
) -> None:
    """Search a strategy's parameters; every trial counts; nothing is changed by it.

    The same command goes on where it was interrupted.
    """
    import rigd.cli.optimize as command  # noqa: PLC0415 - keeps `rigd --help` light

    if scheduled:
        _finish(command.scheduled(data))
        return
    request = command.request_of(
        strategy=strategy,
        method=method,
        trials=trials,
        objectives=objectives,
        seed=seed,
        lookback=lookback,
        data=data,
        end=end,
        symbols=symbols,
        bar_stamp=bar_stamp,
        levels=levels or [],
        changes=changes or [],
    )
    if in_notebook:
        _finish(command.in_notebook(request, parameters or [], proposes=proposes, user=user))
        return
    _finish(command.run(request, proposes=proposes, user=user, as_json=as_json))


Version = Annotated[int, typer.Argument(help="The proposal's number.")]
Who = Annotated[str, typer.Option("--user", help="Who does it; the system's user without it.")]
Why = Annotated[str, typer.Option("--reason", help="Why; goes into the chained log.")]


@proposal_app.command("list")
def proposal_list(as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """List the proposals and where each stands."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.list_all(as_json=as_json))


@proposal_app.command("show")
def proposal_show(version: Version, as_json: Json = False) -> None:  # noqa: FBT002 - a switch
    """Show what a proposal changes, what it rests on, and its history."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.show(version, as_json=as_json))


@proposal_app.command("approve")
def proposal_approve(version: Version, reason: Why, user: Who = "") -> None:
    """Approve a proposal as another person than the proposer; nothing is changed yet."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.approve(version, user, reason))


@proposal_app.command("reject")
def proposal_reject(version: Version, reason: Why, user: Who = "") -> None:
    """Reject a proposal."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.reject(version, user, reason))


@proposal_app.command("activate")
def proposal_activate(version: Version, user: Who = "") -> None:
    """Put an approved proposal into the settings, as `rigd config set` would."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.activate(version, user))


@proposal_app.command("rollback")
def proposal_rollback(version: Version, reason: Why, user: Who = "") -> None:
    """Restore the values from before an active proposal."""
    import rigd.cli.proposal as command  # noqa: PLC0415 - keeps `rigd --help` light

    _finish(command.roll_back(version, user, reason))


def _finish(code: int) -> None:
    if code:
        raise typer.Exit(int(code))


def main() -> None:
    """Run the command line; an error of rigd is printed with its fix and sets the exit code."""
    try:
        if sys.argv[1:2] == ["kill"]:
            _kill_at_once(sys.argv[2:])
        app()
    except RigdError as error:
        lines = [f"error: {error}"]
        if error.fix:
            lines.append(f"next: {error.fix}")
        sys.stderr.write("\n".join(lines) + "\n")
        sys.exit(int(error.exit_code))
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"error: {error.strerror or error}{name}\nnext: rigd doctor\n")
        sys.exit(int(ExitCode.ERROR))
    except KeyboardInterrupt:
        _end_interrupted()
    except SystemExit as end:
        if end.code == INTERRUPTED_BY_TYPER:
            _end_interrupted()
        raise


def _end_interrupted() -> NoReturn:
    sys.stderr.write("interrupted\n")
    sys.exit(int(ExitCode.INTERRUPTED))
