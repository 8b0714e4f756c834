"""Customers as a CSV file has them (docs/customers.md): lines to customers, or to what is wrong."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from ccd.customers.numbers import Numbering, digits_of
from ccd.errors import CcdError
from ccd.store.customers import CustomerRow

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("customer", "customer_id", "客户号", "客户编号", "编号"),
    "name": ("姓名", "名称", "客户姓名", "客户名称"),
    "class": ("customer_class", "级别", "客户级别", "等级"),
    "adviser": ("advisor", "客户经理", "投资顾问"),
    "language": ("语言",),
    "numbers": ("number", "phone", "phones", "电话", "手机", "号码", "联系电话"),
    "accounts": ("account", "账号", "账户", "资金账号"),
    "lines": ("line", "dnis", "专线"),
}
"""Names of the header line, and what else they may be called."""

SEVERAL = frozenset({"numbers", "accounts", "lines"})
"""Columns that there may be several of, and whose cells may hold several values."""

BETWEEN = ";|、\n"
"""What stands between the values of one cell."""

DELIMITERS = ",;\t"
LANGUAGES = ("", "zh", "en")
LONGEST = 200
"""Characters of a value."""

FEWEST_DIGITS = 3
CHUNK = 1 << 20

csv.field_size_limit(CHUNK)


class CsvError(CcdError):
    """A file that cannot be read as customers at all."""


class LineProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a line."""

    line: int
    """Counted from 1, the header's; the first one, where a record has several."""
    column: str
    what: str
    mend: str

    def __str__(self) -> str:
        column = f", {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.what} ({self.mend})"


def encoding_of(path: Path) -> str:
    """Return how a file is written: `utf-8-sig` (UTF-8 with or without a mark) or `gb18030`.

    Raises CsvError for a file that is neither, and OSError. GB18030 includes GBK and GB2312, which
    is what spreadsheets in China save.
    """
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise CsvError(f"{path}: is written in UTF-16; save it as CSV UTF-8")
    reasons = []
    for encoding in ("utf-8-sig", "gb18030"):
        reason = _wrong(path, encoding)
        if not reason:
            return encoding
        reasons.append(f"not {encoding.removesuffix('-sig')}: {reason}")
    raise CsvError(f"{path}: {'; '.join(reasons)}. Save it as CSV UTF-8")


def _wrong(path: Path, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                begin = max(0, error.start)
                return f"{error.reason} in line {lines + error.object[:begin].count(10)}"
            if not chunk:
                return ""
            lines += chunk.count(10)


def columns(path: Path) -> frozenset[str]:
    """Return the columns that a file has, by their own names (`COLUMNS`). Raises CsvError, OSError."""
    with path.open(encoding=encoding_of(path), newline="") as file:
        first = file.readline()
        delimiter = max(DELIMITERS, key=first.count)
        return frozenset(_header(path, next(csv.reader([first], delimiter=delimiter), [])))


def read(
    path: Path, numbering: Numbering, *, progress: Callable[[int], None] = lambda _bytes: None
) -> Iterator[CustomerRow | LineProblem]:
    """Yield each line's customer, or, for each thing that is wrong with it, a problem.

    `progress` is told how far the file is read, in bytes. Raises CsvError where the header is not
    one, and OSError.
    """
    with path.open(encoding=encoding_of(path), newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(DELIMITERS, key=first.count)
        # Counted by itself, for tell() is not to be had while lines are iterated over.
        reader = csv.reader(_counted(file, progress), delimiter=delimiter, strict=True)
        try:
            names = _header(path, next(reader, []))
            yield from _lines(reader, names, numbering)
        except csv.Error as error:
            yield LineProblem(
                line=reader.line_num,
                column="",
                what=f"is no CSV: {error}",
                mend='a quote within a value is written twice: ""',
            )


def _counted(lines: Iterator[str], progress: Callable[[int], None]) -> Iterator[str]:
    read = 0
    for number, line in enumerate(lines):
        read += len(line.encode())
        if number % 10_000 == 0:
            progress(read)
        yield line


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    known = {each: name for name, others in COLUMNS.items() for each in (name, *others)}
    names = []
    for cell in cells:
        bare = cell.strip().casefold().rstrip("0123456789").replace(" ", "_").rstrip("_")
        if bare not in known:
            raise CsvError(
                f"{path}: line 1: there is no column {cell!r}; the columns are "
                f"{', '.join(COLUMNS)} (docs/customers.md)"
            )
        names.append(known[bare])
    if "id" not in names:
        raise CsvError(
            f"{path}: line 1: the header has no column id, by which customers are told apart"
        )
    for name in names:
        if names.count(name) > 1 and name not in SEVERAL:
            raise CsvError(f"{path}: line 1: the column {name} is there twice")
    return names


def _lines(
    reader: Iterator[list[str]], names: Sequence[str], numbering: Numbering
) -> Iterator[CustomerRow | LineProblem]:
    seen: dict[str, int] = {}
    end = 1
    for cells in reader:
        line, end = end + 1, reader.line_num  # type: ignore[attr-defined]
        if not any(cells):
            continue
        if len(cells) != len(names):
            yield LineProblem(
                line=line,
                column="",
                what=f"has {len(cells)} values, the header {len(names)}",
                mend="put a value with a delimiter in it between quotes",
            )
            continue
        row, problems = _customer(cells, names, numbering, line)
        first = seen.setdefault(row.id, line)
        if row.id and first != line:
            problems.append(
                LineProblem(
                    line=line,
                    column="id",
                    what=f"{row.id!r} is in line {first} already",
                    mend="one line a customer",
                )
            )
        if problems:
            yield from problems
        else:
            yield row


def _customer(
    cells: Sequence[str], names: Sequence[str], numbering: Numbering, line: int
) -> tuple[CustomerRow, list[LineProblem]]:
    single = dict.fromkeys(COLUMNS, "")
    several: dict[str, dict[str, None]] = {name: {} for name in SEVERAL}
    problems: list[LineProblem] = []

    def wrong(column: str, what: str, mend: str) -> None:
        problems.append(LineProblem(line=line, column=column, what=what, mend=mend))

    for name, cell in zip(names, cells, strict=True):
        value = cell.strip()
        if name not in SEVERAL:
            single[name] = value
            if len(value) > LONGEST:
                wrong(name, f"has {len(value)} characters", f"{LONGEST} at most")
            elif not value.isprintable():
                wrong(name, f"{value!r} has control characters", "take them out")
            continue
        for each in _values(value):
            if name == "accounts":
                key = each
            else:
                key = numbering.normal(each)
                if digits_of(key) < FEWEST_DIGITS:
                    wrong(
                        name,
                        f"{each!r} is no telephone number",
                        "such as 13800138000 or +44 20 7946 0000",
                    )
                    continue
            if len(key) > LONGEST or not key.isprintable():
                wrong(name, f"{each!r} is no account", "letters and digits")
                continue
            several[name][key] = None
    if not single["id"]:
        wrong("id", "is empty", "every customer needs one of his own")
    if single["language"] not in LANGUAGES:
        wrong("language", f"{single['language']!r} is not spoken here", "zh, en, or nothing")
    row = CustomerRow(
        id=single["id"],
        name=single["name"],
        customer_class=single["class"],
        adviser=single["adviser"],
        language=single["language"],
        numbers=tuple(several["numbers"]),
        accounts=tuple(several["accounts"]),
        lines=tuple(several["lines"]),
    )
    return row, problems


def _values(cell: str) -> Collection[str]:
    if not any(mark in cell for mark in BETWEEN):
        return (cell,) if cell else ()
    for mark in BETWEEN[1:]:
        cell = cell.replace(mark, BETWEEN[0])
    return [each for value in cell.split(BETWEEN[0]) if (each := value.strip())]
