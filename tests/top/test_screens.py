"""Each pane looks as it was recorded, on a real Redis; delete a file of `screens/` to record it anew."""

import pytest

from tests.helpers.eventually import eventually
from tests.store.stage import NAMESPACE, Stage
from tests.top.screen import golden, screen_text, still
from worker.top.app import Top
from worker.top.view import Pane

SIZE = (110, 26)
#: what tells that the pane has been read
SHOWS = {
    Pane.OVERVIEW: "1 dead letter kept",
    Pane.WORKERS: "support:hal",
    Pane.SESSIONS: "support:rita",
    Pane.QUEUES: "1",
    Pane.DEAD: "unknown_kind",
}


async def shown(app: Top, text: str) -> str:
    """Wait until a text is on the screen, and return all of it."""

    def probe() -> str:
        found = screen_text(app)
        assert text in found, found
        return found

    return await eventually(probe, within_s=10)


async def looks_like(app: Top, name: str) -> None:
    """Wait until the screen is the recorded one: what was written last may not be laid out yet."""

    def probe() -> bool:
        found = still(screen_text(app))
        assert found == golden(name, found)
        return True

    await eventually(probe, within_s=10)


@pytest.mark.parametrize("pane", SHOWS)
async def test_a_pane_looks_as_recorded(busy: Stage, pane: Pane) -> None:
    app = Top(busy.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "2 workers consuming")
        if pane is not Pane.OVERVIEW:
            await pilot.press(str(1 + list(Pane).index(pane)))
        await shown(app, SHOWS[pane])
        await looks_like(app, pane)


async def test_the_details_of_a_session_name_what_waits_in_it(busy: Stage) -> None:
    app = Top(busy.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("3")
        await shown(app, "support:hal")
        await pilot.press("enter")
        await shown(app, "r-next")
        await looks_like(app, "details-session")
        await pilot.press("escape")
        assert "r-next" not in await shown(app, "Filter")


async def test_the_details_of_a_dead_letter_show_what_was_sent(busy: Stage) -> None:
    app = Top(busy.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("5")
        await shown(app, "unknown_kind")
        await pilot.press("enter")
        found = await shown(app, "the entry as it was sent")
        assert "kind           dance" in found
        assert 'body           {"message":"Hello"}' in found


async def test_a_filter_leaves_the_rows_that_hold_it_until_it_is_cleared(busy: Stage) -> None:
    app = Top(busy.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("3")
        await shown(app, "support:ida")
        await pilot.press("slash", *"RITA")
        await eventually(lambda: "support:ida" not in screen_text(app))
        assert "support:rita" in screen_text(app)
        await pilot.press("enter", "p", "p")  # the keys are the table's again
        assert app.wanted == "RITA"
        await pilot.press("escape")
        await shown(app, "support:ida")


async def test_a_client_is_found_although_too_many_others_are_in_front_of_it(stage: Stage) -> None:
    worker = await stage.worker("w-1")
    for number in range(150):
        await stage.push(f"r-{number}", f"c{number}")
    await worker.claim(0)
    while (await worker.claim(0)).admitted:
        pass
    app = Top(stage.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("3")
        await shown(app, "support:c0")
        assert len(app._table(Pane.SESSIONS).rows) == 100  # noqa: SLF001 - how much was read is not on the screen
        await pilot.press("slash", *"c149")
        await shown(app, "support:c149")


async def test_what_people_send_is_no_markup_for_the_screen(stage: Stage) -> None:
    worker = await stage.worker("w-1")
    await stage.push("r-1", "(b)old", kind="[red]x[/]\x1b[2J")
    await worker.claim()
    app = Top(stage.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("5")
        await shown(app, r"[red]x[/]\x1b[2J")
        await pilot.press("enter")
        await shown(app, r"kind           [red]x[/]\x1b[2J")


async def test_a_cursor_stays_on_its_row_when_rows_come_before_it(stage: Stage) -> None:
    worker = await stage.worker("w-1")
    await stage.push_all(["r-1"], "anna", kind="dance")
    await stage.push_all(["r-2"], "bert", kind="dance")
    await worker.claim()
    app = Top(stage.url, NAMESPACE, every_s=0.1)
    async with app.run_test(size=SIZE) as pilot:
        await shown(app, "consuming")  # keys count from now on
        await pilot.press("5")
        await shown(app, "support:anna")
        table = app._table(Pane.DEAD)  # noqa: SLF001 - the place of the cursor is not on the screen
        await pilot.press("down")
        chosen = table.chosen
        await stage.push_all(["r-3"], "carl", kind="dance")
        await worker.claim()
        await shown(app, "support:carl")
        assert table.chosen == chosen
        assert table.cursor_row == 2
