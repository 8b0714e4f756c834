"""ccd.toml as read: right values, and mistakes that name themselves."""

from pathlib import Path

import pytest

from ccd.config import Overflow, Settings
from ccd.settings import SettingsError, load
from ccd.settings.problems import Problem

PHONE = '[[phone]]\nname = "1001"\npassword = "s3cret-word"\n'


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "ccd.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        load(path)
    return caught.value.problems


def the_only(path: Path) -> str:
    found = problems(path)
    assert len(found) == 1, found
    return str(found[0])


def test_an_empty_file_means_the_defaults(write) -> None:
    assert load(write("")) == Settings()


def test_values_arrive_with_their_types(write) -> None:
    settings = load(
        write(
            '[sip]\nlisten = ["udp:127.0.0.1:0"]\nmax_new_calls_per_s = 5\n'
            "[media]\nports = [20000, 20099]\n" + PHONE
        )
    )
    assert settings.sip.listen == ("udp:127.0.0.1:0",)
    assert settings.sip.max_new_calls_per_s == 5.0
    assert settings.media.ports == (20000, 20099)
    assert [phone.name for phone in settings.phone] == ["1001"]


def test_files_become_absolute_seen_from_the_settings_file(write, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("")
    settings = load(
        write('[recording]\nfolder = "wav"\n[[route]]\ndnis = "*"\nflow = "flow.yaml"\n')
    )
    assert settings.route[0].flow == str(tmp_path / "flow.yaml")
    assert settings.recording.folder == str(tmp_path / "wav")


def test_a_wrong_key_is_named_with_its_line_and_the_nearest_right_one(write) -> None:
    path = write('# mine\n[sip]\ndomian = "x"\n')
    assert the_only(path) == "line 3: sip.domian: there is no such key (did you mean 'domain'?)"


def test_the_message_names_the_file(write) -> None:
    path = write("[sip]\nx = 1\n")
    with pytest.raises(SettingsError, match=f"^{path}: line 2: sip.x: "):
        load(path)


def test_a_wrong_table_is_named_with_the_nearest_right_one(write) -> None:
    assert the_only(write("[recordings]\nenabled = true\n")) == (
        "line 1: recordings: there is no such table (did you mean 'recording'?)"
    )


def test_a_key_in_the_wrong_table_is_sent_to_the_right_one(write) -> None:
    assert the_only(write('[sip]\ncodecs = ["PCMU"]\n')) == (
        "line 2: sip.codecs: there is no such key here (it belongs under [media])"
    )


def test_a_key_like_no_other_is_told_what_there_is(write) -> None:
    assert "there are: enabled, folder" in the_only(write("[recording]\nzzz = 1\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[sip]\nsession_expires_s = "30"\n',
            'must be a whole number, not "30" (the default is 1800)',
        ),
        ("[sip]\nsession_expires_s = 1.5\n", "must be a whole number, not 1.5"),
        ("[sip]\nsession_expires_s = true\n", "must be a whole number, not true"),
        ("[sip]\nlisten = 5060\n", "must be a list of texts: [...], not 5060"),
        ("[media]\nports = [1]\n", "must be a list of 2 whole numbers: [...], not [1]"),
        ("[recording]\nenabled = 1\n", "must be true or false, not 1"),
        ("sip = 1\n", "must be a table, not 1 (write it as a table: [sip])"),
        ('[phone]\nname = "x"\n', "must be an array of tables (write each as [[phone]]"),
        (
            "[sip]\ndomain = 7\n",
            'must be a text in quotation marks, not 7 (the default is "ccd.local")',
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_shown_with_the_right_one(write, text: str, says: str) -> None:
    assert says in the_only(write(text))


QUEUE = '[[queue]]\nname = "q"\n'


def test_tables_within_tables_belong_to_the_queue_above_them(write) -> None:
    settings = load(
        write(
            QUEUE
            + "[[queue.ring]]\nafter_s = 20\n[[queue.ring]]\nafter_s = 40\n[queue.callback]\nattempts = 2\n"
            + '[[queue]]\nname = "r"\noverflow = [{ to = "voicemail", length = 3 }]\n'
        )
    )
    first, second = settings.queue
    assert [ring.after_s for ring in first.ring] == [20.0, 40.0]
    assert (first.callback.attempts, second.callback.attempts) == (2, 3)
    assert (first.overflow, second.ring) == ((), ())
    assert second.overflow == (Overflow(to="voicemail", length=3),)


def test_tables_with_names_of_one_s_own(write) -> None:
    skill = '[[skill]]\nname = "orders"\n'
    inline = load(write(skill + QUEUE + "skills = { orders = 5 }\n"))
    table = load(write(skill + QUEUE + "[queue.skills]\norders = 5\n"))
    dotted = load(write(skill + QUEUE + "skills.orders = 5\n"))
    assert inline.queue[0].skills == {"orders": 5}
    assert inline == table == dotted
    calendar = load(
        write('[[calendar]]\nname = "c"\n[calendar.open]\nweekdays = ["09:30-11:30"]\n')
    )
    assert calendar.calendar[0].open == {"weekdays": ("09:30-11:30",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "skills = { orders = 'five' }\n",
            'line 3: queue[1].skills.orders: must be a whole number, not "five"',
        ),
        (
            "[queue.skills]\na = 1\nb = 1.5\n",
            "line 5: queue[1].skills.b: must be a whole number, not 1.5",
        ),
        (
            'skills = ["orders"]\n',
            "line 3: queue[1].skills: must be a table of whole numbers: { name = ... }",
        ),
        (
            "[[queue.ring]]\nafter_s = 'x'\n",
            'line 4: queue[1].ring[1].after_s: must be a number, not "x"',
        ),
        (
            "[[queue.ring]]\nskills = {}\n",
            "line 3: queue[1].ring[1]: has no 'after_s', which it needs (add: after_s = …)",
        ),
        (
            "[queue.ring]\nafter_s = 1\n",
            "line 3: queue[1].ring: must be an array of tables (write each as [[queue.ring]]",
        ),
        (
            "[[queue.announce]]\n",
            "line 3: queue[1].announce: must be a table, not [{}] (write it as a table: [queue.announce])",
        ),
        (
            "[[queue.overflow]]\nto = 'goodbye'\nwait = 5\n",
            "line 5: queue[1].overflow[1].wait: there is no such key (did you mean 'wait_s'?)",
        ),
        (
            "[[queue.overflow]]\nto = 'goodbye'\nwait_s = '5'\n",
            'line 5: queue[1].overflow[1].wait_s: must be a number, not "5"',
        ),
        (
            "[callback]\nkey = '1'\n",
            "line 3: callback: there is no such table here (it is written [queue.callback])",
        ),
        (
            "[queue.ring_timeout_s]\n",
            "line 3: queue[1].ring_timeout_s: must be a number, not {} (the default is 20.0)",
        ),
    ],
)
def test_mistakes_deep_within_are_named_by_key_and_line(write, text: str, says: str) -> None:
    assert the_only(write(QUEUE + text)).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("holidays = [2026-10-01]\n", "line 3: calendar[1].holidays: must be a list of texts"),
        (
            "special = { 2026-02-14 = [09:00:00] }\n",
            "line 3: calendar[1].special.2026-02-14: must be a list of texts",
        ),
    ],
)
def test_days_and_times_without_quotation_marks(write, text: str, says: str) -> None:
    found = the_only(write('[[calendar]]\nname = "c"\n' + text))
    assert found.startswith(says)
    assert found.endswith("(write days and times in quotation marks)")


def test_a_missing_key_is_asked_for(write) -> None:
    assert the_only(write('[[phone]]\nname = "a"\n')) == (
        "line 1: phone[1]: has no 'password', which it needs (add: password = …)"
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write) -> None:
    found = problems(write('[sip]\na = 1\nb = 2\n[media]\nworkers = "x"\n[[phone]]\n'))
    assert [problem.line for problem in found] == [2, 3, 5, 6, 6]


def test_a_wrong_password_is_not_shown(write) -> None:
    text = the_only(write('[[phone]]\nname = "a"\npassword = 12345\n'))
    assert "12345" not in text
    assert "********" in text


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[sip\n", 1, "is not TOML: expected ']'"),
        ("a = 1\na = 2\n", 2, "is not TOML"),
        ('a = "x\n', 1, "is not TOML"),
        ("[a]\nb = \n", 2, "the line reads: b ="),
    ],
)
def test_bad_toml_is_shown_with_its_line(write, text: str, line: int, says: str) -> None:
    (found,) = problems(write(text))
    assert found.line == line
    assert says in str(found)


def test_bad_toml_on_a_password_line_does_not_show_it(write) -> None:
    assert "hunter2" not in the_only(write('[[phone]]\npassword = "hunter2\n'))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    assert "`ccd init` writes one" in the_only(tmp_path / "none.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in the_only(tmp_path)


def test_text_that_is_not_utf_8_is_shown_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_bytes(b'[sip]\ndomain = "\xff"\n')
    (found,) = problems(path)
    assert (found.line, found.message) == (2, "is not UTF-8 text")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_bytes(b"#" * (5 * 1024 * 1024))
    assert "too big" in the_only(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_bytes(b"\xef\xbb\xbf[sip]\n")
    assert load(path) == Settings()
