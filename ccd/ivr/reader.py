"""From a YAML document to a `Flow`, with errors that name file, line, key and mend.

The document is composed to PyYAML's nodes, which know their places, and walked along the
types of `ccd.ivr.flow` (msgspec can describe them): so every mistake is found in one go,
and there is no second description of the schema. What is well-formed goes to
`ccd.ivr.lint`, which looks at what it means.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import inspect

from ccd.ivr import lint
from ccd.ivr.flow import NOT_IN_DOCUMENT, Entry, Flow
from ccd.ivr.problems import FlowError, Problem, Severity, StepWarnings, nearest

Key = tuple[str | int, ...]
"""Where in a document: mapping keys and sequence indices from its root."""

MAX_NODES = 100_000
"""More is no flow, but a document whose aliases multiply ("billion laughs")."""

_NULL = "tag:yaml.org,2002:null"
_CONSTRUCTED = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))
_PLAIN = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
)


def load(
    path: Path, *, queues: Collection[str] | None = None, entered: Collection[Entry] = ()
) -> tuple[Flow, StepWarnings]:
    """Read a flow's file; `queues`, where given, are the ones it may send callers to.

    `entered` says who comes into it, as far as that is known. Raises `FlowError` with every
    problem, OSError where the file cannot be read.
    """
    return parse(
        path.read_bytes(), file=str(path), folder=path.parent, queues=queues, entered=entered
    )


def parse(
    text: str | bytes,
    *,
    file: str = "<flow>",
    folder: Path | None = None,
    queues: Collection[str] | None = None,
    entered: Collection[Entry] = (),
) -> tuple[Flow, StepWarnings]:
    """Read a flow from its text; recordings are looked for only where `folder` is given.

    Raises `FlowError` with every problem.
    """
    document = Document(file)
    plain = document.read(text)
    if document.problems:
        raise FlowError(document.sorted())
    flow = msgspec.structs.replace(
        msgspec.convert(plain, Flow), folder=str(folder) if folder is not None else ""
    )
    for finding in lint.check(flow, folder=folder, queues=queues, entered=entered):
        document.report(
            finding.key, finding.rule, finding.message, finding.mend, severity=finding.severity
        )
    problems = document.sorted()
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise FlowError(problems)
    return flow, problems


class Document:
    """One document being read: its places, and what was found wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._marks: dict[Key, yaml.Mark] = {}
        self._nodes = 0

    def read(self, text: str | bytes) -> Any:
        """Return the document as plain maps, lists and scalars; mistakes are in `problems`."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._add(mark, (), "yaml", error.problem or "this is not YAML")
            return None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self._add(None, (), "yaml", f"this is not YAML: {error}".splitlines()[0])
            return None
        if root is None:
            self._add(None, (), "empty", "the document is empty")
            return None
        return self._walk(root, inspect.type_info(Flow), ())

    def report(
        self,
        key: Key,
        rule: str,
        message: str,
        mend: str = "",
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note a problem at a key, or at the nearest one above that is in the document."""
        place = key
        while place and place not in self._marks:
            place = place[:-1]
        self._add(self._marks.get(place), key, rule, message, mend, severity)

    def sorted(self) -> tuple[Problem, ...]:
        """The problems in the document's order."""
        return tuple(sorted(self.problems, key=lambda p: (p.line, p.column)))

    def _add(
        self,
        mark: yaml.Mark | None,
        key: Key,
        rule: str,
        message: str,
        mend: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.problems.append(
            Problem(
                file=self.file,
                line=mark.line + 1 if mark else 1,
                column=mark.column + 1 if mark else 1,
                key=".".join(map(str, key)),
                rule=rule,
                message=message,
                mend=mend,
                severity=severity,
            )
        )

    # --- along the types ----------------------------------------------------------------

    def _walk(self, node: yaml.Node, kind: inspect.Type, key: Key) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(key) > 16:
            if not any(problem.rule == "too-large" for problem in self.problems):
                self._add(node.start_mark, key, "too-large", "this is too large or too deep")
            return None
        self._marks.setdefault(key, node.start_mark)
        if isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN:
            self.report(key, "tag", f"the tag {node.tag} means nothing here", "remove the tag")
            return None
        match kind:
            case inspect.UnionType():
                return self._union(node, kind, key)
            case inspect.StructType():
                return self._struct(node, kind, key)
            case inspect.DictType():
                items = self._items(node, key, "a map")
                return {
                    name: self._walk(value, kind.value_type, (*key, name)) for name, value in items
                }
            case inspect.VarTupleType():
                # One prompt needs no list around it.
                nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
                return [
                    self._walk(value, kind.item_type, (*key, index) if len(nodes) > 1 else key)
                    for index, value in enumerate(nodes)
                ]
            case _:
                return self._scalar(node, kind, key)

    def _union(self, node: yaml.Node, kind: inspect.UnionType, key: Key) -> Any:
        """Steps, told apart by their `type`; or a text where a map could be."""
        structs = {t.tag: t for t in kind.types if isinstance(t, inspect.StructType) and t.tag}
        if not structs:
            mapping = isinstance(node, yaml.MappingNode)
            for candidate in kind.types:
                if mapping == isinstance(candidate, inspect.StructType | inspect.DictType):
                    return self._walk(node, candidate, key)
            raise AssertionError(f"no branch of {kind} for {key}")
        items = dict(self._items(node, key, "a step: a map with a 'type'", quiet=True))
        choice = items.get("type")
        if not isinstance(node, yaml.MappingNode):
            self.report(key, "type", "must be a step: a map with a 'type'")
        elif choice is None:
            self.report(key, "type", "the key 'type' is missing", nearest("", map(str, structs)))
        elif not isinstance(choice, yaml.ScalarNode) or choice.value not in structs:
            found = choice.value if isinstance(choice, yaml.ScalarNode) else "this"
            self._marks[(*key, "type")] = choice.start_mark
            self.report(
                (*key, "type"),
                "unknown-type",
                f"no step is of type {found!r}",
                nearest(str(found), map(str, structs)),
            )
        else:
            return self._struct(node, structs[choice.value], key)
        return None

    def _struct(self, node: yaml.Node, kind: inspect.StructType, key: Key) -> Any:
        fields = {f.encode_name: f for f in kind.fields if f.encode_name not in NOT_IN_DOCUMENT}
        items = dict(self._items(node, key, f"a map with {', '.join(fields)}"))
        if not isinstance(node, yaml.MappingNode):
            return None
        plain: dict[str, Any] = {}
        for name, value in items.items():
            if name == kind.tag_field:
                plain[name] = kind.tag
            elif name in fields:
                plain[name] = self._walk(value, fields[name].type, (*key, name))
            else:
                self.report(
                    (*key, name),
                    "unknown-key",
                    f"there is no key {name!r} here",
                    nearest(name, fields),
                )
        for name, field in fields.items():
            if field.required and name not in items:
                self.report(key, "missing-key", f"the key {name!r} is missing")
        return plain

    def _items(
        self, node: yaml.Node, key: Key, expected: str, *, quiet: bool = False
    ) -> list[tuple[str, yaml.Node]]:
        """A mapping's pairs. Keys are taken as written: `1`, `no` and `012` are texts."""
        if not isinstance(node, yaml.MappingNode):
            if not quiet:
                self.report(key, "type", f"must be {expected}")
            return []
        items: dict[str, yaml.Node] = {}
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                if not quiet:
                    self._add(name.start_mark, key, "type", "a key must be a text")
                continue
            self._marks[(*key, name.value)] = name.start_mark
            if name.value in items and not quiet:
                self.report((*key, name.value), "duplicate-key", f"{name.value!r} is there twice")
            items[name.value] = value
        return list(items.items())

    def _scalar(self, node: yaml.Node, kind: inspect.Type, key: Key) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self.report(key, "type", f"must be {_words(kind)}, not a list or a map")
            return None
        if node.tag == _NULL:
            self.report(key, "empty", f"must be {_words(kind)}, and is empty")
            return None
        # Texts as written, so that a step may be called 1 and a digit string keep its zeros.
        value = node.value if isinstance(kind, inspect.StrType) else _constructed(node)
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and isinstance(kind, inspect.FloatType)
        ):
            value = float(value)
        if not _fits(value, kind):
            self.report(key, "value", f"must be {_words(kind)}, not {node.value!r}")
            return None
        return value


def _constructed(node: yaml.ScalarNode) -> Any:
    """A number or truth value as YAML means it; anything else as it is written."""
    if node.tag not in _CONSTRUCTED:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError:  # "0b", "1__" and their like pass YAML's patterns
        return node.value


def _fits(value: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StrType():
            return isinstance(value, str) and len(value) >= (kind.min_length or 0)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.LiteralType():
            return value in kind.values and not isinstance(value, bool)
        case inspect.IntType() | inspect.FloatType():
            wanted = int if isinstance(kind, inspect.IntType) else float
            return (
                type(value) is wanted
                and (kind.ge is None or value >= kind.ge)
                and (kind.gt is None or value > kind.gt)
                and (kind.le is None or value <= kind.le)
            )
    raise AssertionError(f"the schema grew a kind the reader does not know: {kind}")


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.StrType():
            return "a text"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return " or ".join(map(str, kind.values))
        case inspect.IntType() | inspect.FloatType():
            noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            low = f" above {kind.gt}" if kind.gt is not None else ""
            low = f" from {kind.ge}" if kind.ge is not None else low
            high = f" up to {kind.le}" if kind.le is not None else ""
            return noun + low + high
    return "something else"
