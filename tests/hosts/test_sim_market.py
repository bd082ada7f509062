from __future__ import annotations

from rigd.broker.links import LocalLink, SocketLink
from rigd.core.values import BotIdentity, Profile
from rigd.hosts.broker_door import announce
from rigd.hosts.kill_access import KillAccess
from rigd.hosts.sim_market import open_market
from rigd.store.paths import Home
from tests.broker.market import DAY, OPENS, minute_of, order

ACCESS = KillAccess(
    identity=BotIdentity(
        entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01"
    ),
    profile=Profile.TEST,
)


def test_an_account_without_a_server_is_opened_from_its_file(tmp_path) -> None:
    """What one process did there the next one finds."""
    first = open_market(Home(tmp_path), ACCESS)
    assert isinstance(first.link, LocalLink)
    first.link.begin_session(DAY, 1, OPENS)
    first.link.submit(order("E"))
    first.link.open_bar(minute_of(0, AAA=(50.0, 50.0, 50.0, 50.0)))
    first.close()
    second = open_market(Home(tmp_path), ACCESS)
    assert [position.symbol for position in second.link.positions()] == ["AAA"]
    second.close()


def test_an_account_with_a_server_is_asked_there(tmp_path) -> None:
    """Its file is left alone: the process that serves it is its only writer."""
    home = Home(tmp_path)
    log = home.sim_broker(ACCESS.account)
    log.parent.mkdir(parents=True)
    announce(log, 1)
    market = open_market(home, ACCESS)
    assert isinstance(market.link, SocketLink)
    assert market.log is None
    assert not log.exists()
    market.close()
