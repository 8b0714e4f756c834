"""The project's own files agree with each other and with what is installed."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ccd import __version__

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PINNED = {canonicalize_name(Requirement(line).name): Requirement(line) for line in LINES}


def wanted() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    return [
        Requirement(text) for group in (PROJECT["dependencies"], *extras.values()) for text in group
    ]


def test_one_version_everywhere() -> None:
    assert PROJECT["version"] == __version__


@pytest.mark.parametrize("line", LINES)
def test_a_constraint_is_a_name_and_a_release_and_no_address(line: str) -> None:
    assert re.fullmatch(r'[A-Za-z0-9._-]+==[0-9][\w.]*( ; python_version < "3\.\d+")?', line)


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_what_we_depend_on_is_pinned_within_what_we_ask_for(requirement: Requirement) -> None:
    pin = PINNED[canonicalize_name(requirement.name)]
    (exact,) = pin.specifier
    assert requirement.specifier.contains(exact.version)
    assert pin.marker == requirement.marker


def test_what_is_installed_is_what_is_pinned() -> None:
    different = {}
    for name, pin in PINNED.items():
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue  # of another Python or system than this one
        if not pin.specifier.contains(installed, prereleases=True):
            different[name] = installed
    different.pop("setuptools", None)  # only builds the package
    assert different == {}


def test_no_file_names_a_package_registry_s_host() -> None:
    hosts = [
        f"{name}.{domain}"
        for name, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("deb.debian", "org"),
            ("npmjs", "org"),
            ("index-url", ""),
        )
    ]
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    guilty = []
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            text = path.read_bytes()
            guilty += [(name, host) for host in hosts if host.rstrip(".").encode() in text]
    assert guilty == []


@pytest.mark.skipif(sys.platform != "linux", reason="bash and coreutils")
def test_setup_does_nothing_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    """The stamp holds: without it the script would go looking for a Python and find none."""
    script = tmp_path / "scripts" / "setup.sh"
    script.parent.mkdir()
    text = (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")
    script.write_text(text)
    for name in ("pyproject.toml", "constraints.txt", "ccd/__init__.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    for fake in (programs / "sipp", programs / "openssl", python):
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)

    def setup() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(script)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            stdin=subprocess.DEVNULL,
            env={"PATH": f"{programs}:/usr/bin:/bin", "PYTHON": "/bin/false"},
        )

    assert "is no Python 3.11 or newer" in setup().stderr
    stamp = subprocess.run(
        ["bash", "-c", "source <(sed -n '/^wanted_stamp/,/^}/p' scripts/setup.sh); wanted_stamp"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout
    (tmp_path / ".venv" / ".setup-stamp").write_text(stamp)
    done = setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "constraints.txt").write_text("msgspec==0.22.0\n")
    assert setup().returncode != 0


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).is_file(), f"{page}: {target}"
