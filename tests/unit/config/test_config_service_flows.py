"""`[[service_flow]]`: what is wrong with one is said when the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccd.config import Route, ServiceFlow, Settings
from ccd.reload import plan
from ccd.settings.rules.routes import service_flows


@pytest.fixture
def flow(tmp_path: Path) -> str:
    file = tmp_path / "pin.yaml"
    file.touch()
    return str(file)


def problems(*flows: ServiceFlow, routes: tuple[Route, ...] = ()) -> list[str]:
    return [str(each) for each in service_flows(Settings(service_flow=flows, route=routes))]


def test_one_that_is_right(flow: str) -> None:
    assert problems(ServiceFlow(name="pin", flow=flow)) == []


def test_names_are_there_once(flow: str) -> None:
    (problem,) = problems(ServiceFlow(name="pin", flow=flow), ServiceFlow(name="pin", flow=flow))
    assert '"pin" is taken by service_flow[1]' in problem


def test_the_file_is_there(tmp_path: Path) -> None:
    assert "is empty" in problems(ServiceFlow(name="pin", flow=""))[0]
    assert "there is no file" in problems(ServiceFlow(name="pin", flow=str(tmp_path / "no")))[0]


def test_no_number_leads_to_it(flow: str) -> None:
    (problem,) = problems(
        ServiceFlow(name="pin", flow=flow), routes=(Route(dnis="95500", flow=flow),)
    )
    assert "the number 95500 leads to this flow too" in problem
    assert "no agent to go back to" in problem


def test_it_comes_and_goes_while_calls_go_on(flow: str) -> None:
    without = Settings()
    with_one = Settings(service_flow=(ServiceFlow(name="pin", flow=flow),))
    renamed = Settings(service_flow=(ServiceFlow(name="pin", flow=flow, title="The PIN"),))
    assert [str(each) for each in plan(without, with_one).apply] == ["service flow pin is added"]
    assert [str(each) for each in plan(with_one, without).apply] == ["service flow pin is removed"]
    assert [str(each) for each in plan(with_one, renamed).apply] == [
        "service flow pin changes: title"
    ]
    assert [str(each) for each in plan(with_one, with_one, [flow]).apply] == [
        f"flow {flow} changes"
    ]
