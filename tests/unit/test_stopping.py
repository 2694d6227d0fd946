"""What a guest that shall stop is asked, and when."""

import pytest

from reconciler.stopping import Ask, Asking, Stop


def asked(asking: Asking, *moments: float) -> list[Ask | None]:
    return [asking.next(moment) for moment in moments]


def test_its_agent_first_then_its_power_button_then_it_is_left_alone() -> None:
    asking = Asking(Stop(100.0))
    assert asked(asking, 0, 1, 49, 50, 51, 99, 100) == [Ask.AGENT, None, None, Ask.ACPI, None, None, Ask.GIVE_UP]
    assert asking.declined_words.startswith("it was asked for 1m40s, by its agent and its power button, and runs on; ")
    assert "onShutdownTimeout: force" in asking.declined_words


def test_without_an_agent_the_button_is_pressed_at_once_and_never_twice() -> None:
    asking = Asking(Stop(10.0), agent_failed=True)
    assert asked(asking, 0, 1, 9) == [Ask.ACPI, None, None]
    assert "by its power button, and" in asking.declined_words


def test_an_agent_that_refuses_costs_no_time() -> None:
    asking = Asking(Stop(100.0))
    assert asking.next(0) is Ask.AGENT
    asking.agent_failed = True
    assert asking.next(1) is Ask.ACPI


@pytest.mark.parametrize(("moment", "ask"), [(9.9, None), (10.0, Ask.FORCE), (11.0, Ask.FORCE)])
def test_force_comes_only_when_its_time_is_over(moment: float, ask: Ask | None) -> None:
    asking = Asking(Stop(10.0, force=True), agent_failed=True)
    asking.next(0)
    assert asking.next(moment) is ask


def test_how_much_of_its_time_is_over() -> None:
    asking = Asking(Stop(200.0))
    assert [asking.percent(waited) for waited in (0, 50, 300)] == [0, 25, 99]
