"""The list drawn by lines: its cursor, its filter's leftovers, and texts that are no markup."""

from __future__ import annotations

from textual.app import App, ComposeResult

from hybridchat.tui.themes import VARIABLE_DEFAULTS
from hybridchat.tui.widgets.rows import Row, RowList

FEW = [Row(None, "heading"), Row("a", "first"), Row(None, ""), Row("b", "second", "detail"), Row("c", "third")]


class Shown(App[None]):
    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.list = RowList(rows)
        self.chosen: list[object] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def compose(self) -> ComposeResult:
        yield self.list

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.chosen.append(event.row.key)

    def lines(self) -> list[str]:
        return [self.list.render_line(y).text.rstrip() for y in range(self.list.size.height)]


def key(app: Shown) -> object:
    return app.list.current and app.list.current.key


async def test_the_cursor_passes_over_headings_and_stays_inside() -> None:
    app = Shown(FEW)
    async with app.run_test(size=(30, 10)):
        assert key(app) == "a"
        for move, expected in ((-1, "a"), (1, "b"), (1, "c"), (1, "c"), (-1, "b"), (-1, "a")):
            app.list.action_move(move)
            assert key(app) == expected
        app.list.action_edge(-1)
        assert key(app) == "c"
        app.list.action_edge(0)
        assert key(app) == "a"


async def test_nothing_to_choose_is_no_fault() -> None:
    for rows in ([], [Row(None, "nothing here")]):
        app = Shown(rows)
        async with app.run_test(size=(30, 10)) as pilot:
            app.list.focus()
            await pilot.press("up", "down", "pageup", "pagedown", "home", "end", "enter")
            assert key(app) is None
            assert app.chosen == []


async def test_paging_keeps_the_cursor_in_sight() -> None:
    app = Shown([Row(n, f"row {n}") for n in range(100)])
    async with app.run_test(size=(30, 10)):
        for action, expected in ((1, 9), (1, 18), (-1, 9), (-1, 0), (-1, 0)):
            app.list.action_page(action)
            assert key(app) == expected
            assert any(line.startswith(f"› row {expected}") for line in app.lines())
        app.list.action_edge(-1)
        assert app.lines()[-1].startswith("› row 99")


async def test_a_click_chooses_and_a_heading_does_not() -> None:
    app = Shown(FEW)
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.click(RowList, offset=(5, 3))
        await pilot.click(RowList, offset=(5, 0))
        await pilot.click(RowList, offset=(5, 8))
        assert app.chosen == ["b"]


async def test_new_rows_keep_the_named_one() -> None:
    app = Shown(FEW)
    async with app.run_test(size=(30, 10)):
        app.list.set_rows(FEW, "c")
        assert key(app) == "c"
        app.list.set_rows(FEW[:3], "c")
        assert key(app) == "a"


async def test_texts_are_inert_one_line_and_cut() -> None:
    app = Shown([Row("x", "[@click=app.quit]\x1b[2J\nend" + "漢" * 40, "de\ttail")])
    async with app.run_test(size=(30, 3)):
        line = app.list.render_line(0)
        assert line.cell_length == 30
        assert line.text.startswith("› [@click=app.quit]␛")
        assert line.text.endswith("de tail ")
