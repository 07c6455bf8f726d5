"""Connections that break, gateways that are killed: a piece of what `make reliability` does."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pdu = pytest.importorskip("pynetdicom.pdu")


ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from reliability import associations, gateway_kills, network  # noqa: E402
from reliability.told import Budget, Told  # noqa: E402

# pynetdicom leaves sockets open where a connection fails.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


def budget() -> Budget:
    return Budget(60.0, 1)


@pytest.mark.parametrize("fate", network.FATES)
@pytest.mark.parametrize(("direction", "number"), [("to", 1), ("from", 1), ("to", 3)])
def test_lines_that_break(fate: str, direction: str, number: int) -> None:
    told = Told()

    def plan(word: str, at: int) -> str:
        return fate if (word, at) == (direction, number) else "pass"

    with network.quiet():
        seen = network.try_break("three objects", told, budget(), plan, fate)
    assert seen.broken >= 1 and not told.found, told.found


def test_lossy_lines() -> None:
    told = Told()
    with network.quiet():
        network.try_lossy(told, budget())
    assert not told.found and told.counts["lines that broke"] >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGKILL and process groups")
def test_gateway_kills(tmp_path: Path) -> None:
    told = Told()
    gateway_kills.try_round(told, budget(), tmp_path, kills=2)
    assert not told.found and told.counts["kills"] >= 1


def test_request_to_be_refused_is_one() -> None:
    asked = pdu.A_ASSOCIATE_RQ()
    asked.decode(associations.request("SOMEBODY"))
    assert asked.called_ae_title.strip() == "SOMEBODY" and len(asked.presentation_context) == 1
