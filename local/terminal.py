"""What a person sees: each service's log under its name, coloured on a terminal, and the supervisor's own sentences."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

# Wide enough for the longest name, `factory` or `host-10`.
_NAME_WIDTH = 8
_OWN_NAME = "local"
_STYLES = {"blob": "blue", "queue": "blue", "redis": "red", "auth": "yellow", "factory": "magenta", _OWN_NAME: "bold"}
_HOST_STYLE = "green"


class Terminal:
    """Standard output."""

    def __init__(self) -> None:
        # Never wrapped: a log's lines are searched and cut out.
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def show(self, name: str, line: str) -> None:
        """Shows a line of a service's log."""
        label = Text(f"{name:>{_NAME_WIDTH}} │ ", style=_STYLES.get(name, _HOST_STYLE))
        self._console.print(label + Text.from_ansi(line))

    def say(self, sentence: str) -> None:
        """Says what the supervisor itself has to say."""
        self.show(_OWN_NAME, sentence)

    def table(self, rows: dict[str, str]) -> None:
        """Shows names and values below each other, each value whole on its line."""
        width = max(map(len, rows)) + 2
        for name, value in rows.items():
            self._console.print(Text(f"  {name:<{width}}", style="bold") + Text(value))
