#!/usr/bin/env bash
# Builds .venv with everything ccd, its tests and its demo need. Run by `make setup`.
#
# Does nothing when nothing changed: a stamp holds the hash of the files that decide what
# is installed. Never half done: the stamp is written last, so an interrupted run is
# simply continued by the next one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
STAMP=$VENV/.setup-stamp
LOG=$VENV/setup.log
# Debian's name of a package, and the program that tells whether it is there.
SYSTEM_PACKAGES=(
    sip-tester:sipp     # SIPp: callers that are not ours, for tests and the lab
    openssl:openssl     # certificates for the tests of TLS
    tmux:tmux           # a terminal for the tests of screens
)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

# --- is there anything to do? ------------------------------------------------------

wanted_stamp() {
    # A new top-level package has to be told to pip, hence their list.
    { cat pyproject.toml constraints.txt scripts/setup.sh; ls -d -- */__init__.py; pwd; } |
        sha256sum | cut -d' ' -f1
}

missing_programs() {
    local pair
    for pair in "${SYSTEM_PACKAGES[@]}"; do
        command -v "${pair#*:}" >/dev/null || printf '%s\n' "${pair%%:*}"
    done
}

WANTED=$(wanted_stamp)
MISSING=$(missing_programs)
HAVE=$(cat "$STAMP" 2>/dev/null || true)
if [ "$HAVE" = "$WANTED" ] && [ -z "$MISSING" ] && [ -x $VENV/bin/python ]; then
    exit 0
fi

# --- system packages -----------------------------------------------------------------

apt_get() {
    # As root, or through sudo: asking for a password only where somebody can type it.
    local run=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then return 1; fi
        if sudo -n true 2>/dev/null; then run=(sudo -n)
        elif [ -t 0 ] && [ -t 2 ]; then run=(sudo)
        else return 1; fi
    fi
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    local log
    log=$(mktemp)
    say "installing $* (apt-get)"
    # An image without package lists, or with old ones, needs them first.
    if apt_get install --yes --no-install-recommends "$@" >"$log" 2>&1 ||
        { apt_get update >"$log" 2>&1 &&
            apt_get install --yes --no-install-recommends "$@" >>"$log" 2>&1; }; then
        rm -f "$log"
        return 0
    fi
    tail -n 3 "$log" | sed 's/^/setup:   /' >&2
    rm -f "$log"
    return 1
}

# --- a Python of the right age ---------------------------------------------------------

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    # 3.12 and 3.11 first: the wheels of both softphone stacks (PJSIP, pyVoIP) end there.
    local name
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON"
        return 0
    fi
    for name in python3.12 python3.11 python3 python3.13 python3.14 python; do
        if command -v "$name" >/dev/null && suits "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

make_venv() {
    local python=$1 version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "making $VENV with Python $version ($python)"
    rm -rf $VENV
    if "$python" -m venv $VENV >/dev/null 2>&1; then return 0; fi
    # Debian ships venv without ensurepip unless python3-venv is installed.
    rm -rf $VENV
    if "$python" -m pip --version >/dev/null 2>&1 &&
        "$python" -m venv --without-pip $VENV >/dev/null 2>&1 &&
        "$python" -m pip --python $VENV/bin/python install -q pip >/dev/null 2>&1; then
        return 0
    fi
    rm -rf $VENV
    if { apt_install "python$version-venv" || apt_install python3-venv; } &&
        "$python" -m venv $VENV >/dev/null 2>&1; then
        return 0
    fi
    rm -rf $VENV
    fail "Python $version cannot make a virtual environment here." \
        "Install it (Debian, Ubuntu: apt-get install python$version-venv) and try again."
}

venv_suits() { [ -x $VENV/bin/python ] && suits $VENV/bin/python && $VENV/bin/python -m pip --version >/dev/null 2>&1; }

# --- the work ------------------------------------------------------------------------

if [ -n "$MISSING" ]; then
    # shellcheck disable=SC2086  # one word a package
    apt_install $MISSING || true
    for name in $(missing_programs); do
        say "could not install $name: tests that need it will fail. As root: apt-get install $name"
    done
fi

if [ "$HAVE" != "$WANTED" ] || ! venv_suits; then
    if ! venv_suits; then
        [ -z "${PYTHON:-}" ] || suits "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.11 or newer"
        python=$(find_python) || { apt_install python3 python3-venv && python=$(find_python); } ||
            fail "Python 3.11 or newer is needed, and none was found. Install one, or name it: make setup PYTHON=/path/to/python3.12"
        make_venv "$python"
    fi
    say "installing Python packages (a minute or two the first time)"
    : >"$LOG"
    pip() { $VENV/bin/python -m pip --disable-pip-version-check --no-input "$@" >>"$LOG" 2>&1; }
    # The build back end is pinned like everything else, so it comes from here and not
    # from a build environment of pip's own choosing.
    if ! { pip install --constraint constraints.txt setuptools &&
        pip install --constraint constraints.txt --no-build-isolation --editable '.[dev,phones,agent]'; }; then
        tail -n 15 "$LOG" | sed 's/^/setup:   /' >&2
        fail "pip could not install the packages; the whole of what it said is in $LOG"
    fi
    printf '%s\n' "$WANTED" >"$STAMP"
    say "done: $($VENV/bin/python --version), $(grep -c '==' constraints.txt) pinned packages"
fi
