"""The duties of the documents' scripts, importable from the packages that have them."""

from __future__ import annotations

from importlib import import_module

import pytest

from rigd.store.registry import OUTPUTS
from tests.house.tree import imported, modules, repository_files

DUTIES: dict[str, tuple[str, str]] = {
    "strategy_router": ("rigd.strategy.router", "build"),
    "strategy_open": ("rigd.strategy.opening", "entry"),
    "strategy_mid": ("rigd.strategy.midday", "entry"),
    "strategy_close": ("rigd.strategy.closing", "entry"),
    "broker_api": ("rigd.broker.api", ""),
    "orders_bot": ("rigd.engine.orders", ""),
    "trade_logger": ("rigd.reporting.trades", "trade_rows"),
    "stop_bot": ("rigd.engine.commands", ""),
    "start_bot": ("rigd.hosts.launch", "Launcher"),
    "service_bot": ("rigd.hosts.supervisor", ""),
    "main": ("rigd.cli.app", "main"),
    "strategy_optimizer": ("rigd.hosts.optimize.study", "run_study"),
    "env_bot": ("rigd.config.parse", "parse_env"),
    "security_bot": ("rigd.vault.security", "launch_checks"),
    "path_resolver": ("rigd.store.paths", "Home"),
    "kill_switch": ("rigd.risk.kill_switch", "KillSwitch"),
    "risk_bot": ("rigd.risk.limits", ""),
    "error_handler": ("rigd.engine.error_handler", ""),
    "build_check": ("rigd.hosts.build_check", "checks"),
    "adx_filter": ("rigd.enhancements.adx", "AdxFilter"),
    "black_scholes_filter": ("rigd.enhancements.black_scholes", "BlackScholesFilter"),
    "bollinger_confluence": ("rigd.enhancements.bollinger", "BollingerFilter"),
    "finnhub_fundamental_guard": ("rigd.enhancements.fundamentals", "FundamentalsGuard"),
    "imbalance_scanner_ibkr": ("rigd.enhancements.imbalance", "ImbalanceFilter"),
    "ticker_blocklist": ("rigd.enhancements.ticker_blocklist", "TickerBlocklist"),
    "tuning_tracker": ("rigd.reporting.tuning", "TuningTracker"),
    "vix_gatekeeper": ("rigd.enhancements.vix", "VixFilter"),
    "ledger_schema": ("rigd.ledger.schema", "create"),
    "ledger_utils": ("rigd.ledger.lots", "share"),
    "accounting_config": ("rigd.ledger.exports", "render"),
    "accounting_api": ("rigd.ledger.book", "Ledger"),
    "generate_ofx": ("rigd.ledger.ofx", ""),
    "status_bot": ("rigd.reporting.status", "StatusFold"),
    "status_logger": ("rigd.reporting.status", "status_document"),
    "watchdog_bot": ("rigd.engine.watchdog", "Watchdog"),
    "provisioning_runner": ("rigd.hosts.provision", "provision_home"),
    "tbot_supervisor": ("rigd.hosts.supervisor", ""),
    "daily_summary": ("rigd.reporting.summary", "DailySummary"),
    "session_report": ("rigd.reporting.report", "write_report"),
    "report_router": ("rigd.store.registry", "Registry"),
    "reporting_bot": ("rigd.reporting.report", "report_html"),
    "auto_backup": ("rigd.store.backup", "back_up"),
    "log_rotation": ("rigd.store.rotation", "rotate"),
    "finnhub_screener": ("rigd.screener.universe", "select"),
    "notifier_bot": ("rigd.hosts.notifying", "Notifier"),
    "retry_utils": ("rigd.net.policies", "retry_api_call"),
    "data_cache": ("rigd.net.cache", "SessionCache"),
    "logging_config": ("rigd.reporting.trading_log", "TradingLogger"),
    "health_check": ("rigd.hosts.up.facts", "examine"),
    "scheduler_service": ("rigd.hosts.up.schedule", "next_launch"),
    "config_manager": ("rigd.hosts.scripting", "get_config"),
}
"""Script of the documents: module that has its duty, and a name that it must offer."""


@pytest.mark.parametrize("script", DUTIES)
def test_the_duty_of_each_script_is_importable(script: str) -> None:
    """The module that took over a script's duty can be imported and offers what it is for."""
    module, name = DUTIES[script]
    found = import_module(module)
    assert not name or callable(getattr(found, name))


@pytest.mark.parametrize("module", ["opening", "midday", "closing", "router"])
def test_each_strategy_module_checks_and_simulates(module: str) -> None:
    """Each strategy module and the router have self_check() and simulate() (MM1)."""
    found = import_module(f"rigd.strategy.{module}")
    assert callable(found.self_check)
    assert callable(found.simulate)


def test_no_script_of_the_documents_stands_beside_the_packages() -> None:
    """The scripts' own file names are not shipped; their duties are modules (MM4, MM6, MM7)."""
    stems = {name.rpartition("/")[2] for name in repository_files() if name.startswith("rigd/")}
    assert not stems & {
        f"{script}.py" for script in ("float_bot", "env_bot", "main_bot", "stop_bot")
    }
    assert not [stem for stem in stems if stem.startswith("utils_")]


@pytest.mark.parametrize("module", ["pool", "universe", "criteria", "blocklist", "build"])
def test_the_screener_modules_are_importable(module: str) -> None:
    """What finnhub_screener and its modules did is in the package screener (MM8)."""
    assert import_module(f"rigd.screener.{module}")


OF_THE_BOOKS = (
    *("accounting_api", "accounting_config", "ledger_schema", "ledger_utils", "generate_ofx"),
)
"""The scripts of row MM5 that need no holdings."""


@pytest.mark.parametrize("script", OF_THE_BOOKS)
def test_the_duties_of_accounting_are_in_the_ledger(script: str) -> None:
    """MM5: each is importable from the package ledger, and nothing else of it is needed."""
    module, name = DUTIES[script]
    assert module.startswith("rigd.ledger.")
    assert callable(getattr(import_module(module), name or "render"))


OF_THE_REPORTS = {
    "auto_backup": "rigd.store",
    "daily_summary": "rigd.reporting",
    "log_rotation": "rigd.store",
    "report_router": "rigd.store",
    "session_report": "rigd.reporting",
    "reporting_bot": "rigd.reporting",
}
"""The scripts of row MM12, and the package that has the duty of each."""


@pytest.mark.parametrize("script", OF_THE_REPORTS)
def test_the_duties_of_the_reports_are_in_reporting_and_store(script: str) -> None:
    """MM12: each is importable from its package."""
    module, name = DUTIES[script]
    assert module.rpartition(".")[0] == OF_THE_REPORTS[script]
    assert callable(getattr(import_module(module), name))


def test_settings_keys_and_paths_start_no_process() -> None:
    """What env_bot, security_bot and path_resolver did starts no process (MM7)."""
    for module in modules("rigd"):
        if module.startswith(("rigd/config/", "rigd/vault/", "rigd/store/")):
            spawning = {"subprocess", "multiprocessing", "concurrent.futures", "pty"}
            assert not spawning & set(imported(module)), module


def test_the_aliases_of_the_outputs_are_known_scripts() -> None:
    """Each output names the documents' script that owned it."""
    assert all(output.alias for output in OUTPUTS)
