"""On which line of a TOML text each key and value stands.

`tomllib` gives values without places, and a message about a wrong value is worth little
without its line. This scanner runs after `tomllib` accepted the text, so it may take the
grammar for granted (TOML 1.0.0) and only keeps count.
"""

from __future__ import annotations

import tomllib

Path = tuple[str | int, ...]
"""`("trunk", 0, "peers", 1)` is the second peer of the first `[[trunk]]`."""


def scan(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every table, key and array element in a valid TOML text."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


def nearest(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of `path`, else of the innermost thing around it that has one."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # how many elements an array of tables has so far

    # --- moving on ---------------------------------------------------------------

    def ahead(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def step(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def blanks(self, among: str = " \t") -> None:
        """Skip white space, and comments too where new lines may be skipped."""
        while self.at < len(self.text):
            if self.text[self.at] in among:
                self.step()
            elif "\n" in among and self.text[self.at] == "#":
                self.rest_of_line()
            else:
                return

    def rest_of_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    # --- the grammar ---------------------------------------------------------------

    def document(self) -> None:
        table: Path = ()
        while True:
            self.blanks(" \t\n")
            if self.at >= len(self.text):
                return
            if self.ahead("["):
                table = self.header()
            else:
                self.pair(table)
            self.rest_of_line()

    def header(self) -> Path:
        several = self.ahead("[[")
        self.step(2 if several else 1)
        table = self.resolve(self.key(), several=several)
        self.lines.setdefault(table, self.line)
        self.rest_of_line()
        return table

    def resolve(self, key: list[str], *, several: bool) -> Path:
        """Return the path a header means: names inside an array of tables are its last element's."""
        path: Path = ()
        for number, part in enumerate(key):
            path = (*path, part)
            self.lines.setdefault(path, self.line)
            if several and number == len(key) - 1:
                count = self._counts[path] = self._counts.get(path, 0) + 1
                return (*path, count - 1)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def pair(self, table: Path) -> None:
        line = self.line
        path = (*table, *self.key())
        for length in range(len(table) + 1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
        self.step()  # the equals sign
        self.blanks()
        self.value(path)

    def key(self) -> list[str]:
        """Return a dotted key's parts; stands at `=` or `]` afterwards."""
        parts: list[str] = []
        while True:
            self.blanks()
            if self.text[self.at] in "\"'":
                parts.append(self.quoted_key())
            else:
                begin = self.at
                while self.text[self.at] not in " \t.=]\n":
                    self.step()
                parts.append(self.text[begin : self.at])
            self.blanks()
            if not self.ahead("."):
                return parts
            self.step()

    def value(self, path: Path) -> None:
        if self.text[self.at] in "\"'":
            self.string()
        elif self.ahead("["):
            self.array(path)
        elif self.ahead("{"):
            self.inline_table(path)
        else:  # a number, a date, true or false
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.step()

    def quoted_key(self) -> str:
        begin = self.at
        self.string()
        # Its escapes are tomllib's business.
        key: str = tomllib.loads(f"key = {self.text[begin : self.at]}")["key"]
        return key

    def string(self) -> None:
        """Skip a string of any of the four kinds."""
        quote = self.text[self.at]
        mark = quote * 3 if self.ahead(quote * 3) else quote
        self.step(len(mark))
        while not self.ahead(mark):
            self.step(2 if quote == '"' and self.ahead("\\") else 1)
        self.step(len(mark))
        if len(mark) == 3:  # up to two more quotation marks may belong to the text
            while self.ahead(quote):
                self.step()

    def array(self, path: Path) -> None:
        self.step()
        index = 0
        while True:
            self.blanks(" \t\n")
            if self.ahead("]"):
                self.step()
                return
            self.lines[(*path, index)] = self.line
            self.value((*path, index))
            index += 1
            self.blanks(" \t\n")
            if self.ahead(","):
                self.step()

    def inline_table(self, path: Path) -> None:
        self.step()
        while True:
            self.blanks(" \t\n")
            if self.ahead("}"):
                self.step()
                return
            self.pair(path)
            self.blanks(" \t\n")
            if self.ahead(","):
                self.step()
