"""The settings as written and shown: template, effective values, schema, demo."""

import random
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from ccd.commands.init import FLOWS, init
from ccd.config import Announce, Overflow, Queue, Ring, Settings
from ccd.demo_settings import SERVICE_NUMBER, demo_settings
from ccd.settings import describe, load
from ccd.settings.effective import values
from ccd.settings.load import load_with_places
from ccd.settings.template import template, toml_value


def fields() -> list[tuple[str, describe.Field]]:
    return [(t.name, f) for t in describe.tables() for f in describe.fields(t.section)]


@pytest.mark.parametrize(
    ("table", "field"), fields(), ids=lambda value: getattr(value, "name", value)
)
def test_every_key_is_explained(table: str, field: describe.Field) -> None:
    assert field.meaning or (table, field.name) in {("agent", "name")}, f"{table}.{field.name}"


def write_template(tmp_path: Path, text: str) -> Path:
    for flow in FLOWS:
        (tmp_path / flow).write_text("")
    path = tmp_path / "ccd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_a_working_call_centre(tmp_path: Path) -> None:
    settings = load(write_template(tmp_path, template("pass-word")))
    assert (settings.sip, settings.media, settings.store) == (
        Settings().sip,
        Settings().media,
        Settings().store,
    )
    assert settings.phone[0].password == "pass-word"
    assert settings.agent[0].phone == settings.phone[0].name
    assert settings.agent[0].queues == (settings.queue[0].name,)


def without_comment_marks(text: str) -> str:
    """Take away each # that hides a key or a table, and none that begins a sentence."""
    return "\n".join(
        line[1:]
        if line.startswith("#") and not line.startswith(("# ", "#\n")) and len(line) > 1
        else line
        for line in text.splitlines()
    )


def test_every_default_in_the_template_is_the_default(tmp_path: Path) -> None:
    """Taking the # away changes nothing, but that the examples of tables are there."""
    commented = template("pass-word")
    uncommented = without_comment_marks(commented)
    assert uncommented.count(" = ") == commented.count(" = ")
    as_written = load(write_template(tmp_path, commented))
    with_examples = load(write_template(tmp_path, uncommented))
    replace = msgspec.structs.replace
    (queue,) = with_examples.queue
    assert as_written == replace(
        with_examples,
        skill=(),
        not_ready_reason=(),
        disposition=(),
        service_flow=(),
        dialling=replace(with_examples.dialling, rule=(), forbidden=()),
        user=(),
        customer_class=(),
        customer=(),
        calendar=(),
        queue=(replace(queue, ring=(), overflow=()),),
    )
    examples = (with_examples.skill, with_examples.customer_class, with_examples.customer)
    assert [len(each) for each in (*examples, with_examples.calendar)] == [1, 1, 1, 1]
    assert (queue.ring, queue.overflow) == (
        (Ring(after_s=30.0),),
        (Overflow(to="goodbye", wait_s=1800.0),),
    )


def test_the_template_s_comments_are_full_lines() -> None:
    """However a docstring is broken in ccd/config.py."""
    capacity = template("x").split("\n#capacity = {}\n")[0].split("\n\n")[-1]
    assert capacity.splitlines() == [
        "# How many contacts of a channel at once, such as `{ chat = 3 }`; 1 where nothing is said.",
        "# One who has his hands full with one channel gets nothing of another.",
    ]
    assert max(map(len, template("x").splitlines())) < 100


def test_the_template_shows_every_key() -> None:
    text = template("x")
    for table in describe.tables():
        assert text.count(f"\n{table.heading}\n") + text.count(f"\n#{table.heading}\n") == 1
    for table, field in fields():
        if field.section is None:
            assert f"{field.name} = " in text, f"{table}.{field.name}"


def test_tables_within_tables_are_named_by_both() -> None:
    headings = [table.heading for table in describe.tables()]
    begin = headings.index("[[queue]]")
    assert headings[begin + 1 : begin + 6] == [
        "[[queue.ring]]",
        "[[queue.overflow]]",
        "[queue.announce]",
        "[queue.callback]",
        "[queue.voicemail]",
    ]
    assert "ring" not in {field.name for field in describe.keys(Queue)}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "not set"),
        ({}, "{}"),
        ({"orders": 5, "zh CN": 1}, '{ orders = 5, "zh CN" = 1 }'),
        ({"mon": ("09:00-11:30", "13:00-15:00")}, '{ mon = ["09:00-11:30", "13:00-15:00"] }'),
        (("a", 'b"'), '["a", "b\\""]'),
    ],
)
def test_values_are_written_on_one_line(value: object, written: str) -> None:
    assert toml_value(value) == written
    if value is not None:
        read = tomllib.loads(f"key = {written}")["key"]
        assert msgspec.json.encode(read) == msgspec.json.encode(value)


def test_effective_values_say_where_they_come_from(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_text('[sip]\n\ndomain = "x.example"\n[[phone]]\nname = "a"\npassword = "hidden"\n')
    loaded = load_with_places(path)
    shown = {value.name: value for value in values(loaded.settings, loaded)}
    assert shown["sip.domain"].origin == f"{path}:3"
    assert shown["media.workers"].origin == "default"
    assert shown["phone[1].password"].value == "********"
    assert "hidden" not in str(shown)


def test_effective_values_of_tables_within_tables(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_text(
        '[[queue]]\nname = "q"\nskills = { }\n[[queue.ring]]\nafter_s = 5\n'
        '[queue.announce]\nevery_s = 20\n[[queue.overflow]]\nto = "goodbye"\nwait_s = 60\n'
    )
    loaded = load_with_places(path)
    assert loaded.settings.queue[0].announce == Announce(every_s=20.0)
    shown = {value.name: value for value in values(loaded.settings, loaded)}
    assert shown["queue[1].skills"].origin == f"{path}:3"
    assert shown["queue[1].ring[1].after_s"].origin == f"{path}:5"
    assert shown["queue[1].announce.every_s"].origin == f"{path}:7"
    assert shown["queue[1].announce.first_s"].origin == "default"
    assert shown["queue[1].overflow[1].length"].value is None
    assert shown["queue[1].overflow[1].wait_s"].value == 60.0


def test_the_schema_knows_every_key_with_its_meaning() -> None:
    schema = describe.json_schema()
    for table in describe.tables():
        properties = schema["$defs"][table.section.__name__]["properties"]
        for field in describe.fields(table.section):
            assert properties[field.name].get("description", "") == field.meaning


def test_demo_settings_have_robots_with_phones_of_their_own() -> None:
    settings = demo_settings(robots=3, sip=("::1", 0), rng=random.Random(7))
    assert [agent.name for agent in settings.agent] == ["robot1", "robot2", "robot3"]
    assert {agent.phone for agent in settings.agent} == {phone.name for phone in settings.phone}
    assert len({phone.password for phone in settings.phone}) == 3
    assert settings.sip.listen == ("udp:[::1]:0", "tcp:[::1]:0")
    assert settings.route[0].dnis == SERVICE_NUMBER
    assert settings == demo_settings(robots=3, sip=("::1", 0), rng=random.Random(7))
    assert settings != demo_settings(robots=3, sip=("::1", 0))


def test_nothing_above_the_ground_floor_is_imported() -> None:
    program = (
        "import sys, ccd.settings, ccd.settings.template, ccd.demo_settings;"
        "print([m for m in sys.modules if m.startswith('ccd.') and m.split('.')[1] in"
        " ('sip', 'media', 'switch', 'acd', 'ivr', 'cti', 'store', 'daemon')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_init_writes_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    init(config=tmp_path / "new" / "ccd.toml")
    for name in ("ccd.toml", *FLOWS):
        mode = stat.S_IMODE((tmp_path / "new" / name).stat().st_mode)
        assert mode == 0o600
