"""`[[phone]]`, `[[agent]]`, `[[user]]`, and what agents can do: `[[skill]]`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from ccd.config import Settings
from ccd.model import Channel
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem, spell
from ccd.settings.rules.common import choices, distinct, known, levels, one_of

EVERY = "*"
"""In place of queues: all that an agent's skills suffice for."""

CHANNELS = tuple(channel.value for channel in Channel)

ROLES = ("agent", "supervisor", "qa", "admin")
"""Those of `ccd.cti.catalogue.Role`."""

_ARGON2 = re.compile(
    r"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}"
)
"""The string that RFC 9106's reference program prints (PHC string format)."""

_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]+")
"""RFC 3261, 25.1: the characters of `user` that need no escape."""


def phones(settings: Settings) -> Iterator[Problem]:
    """Names that fit into an address, each with a password."""
    yield from distinct("phone", [phone.name for phone in settings.phone])
    for index, phone in enumerate(settings.phone):
        if phone.name and not _USER.fullmatch(phone.name):
            mend = "letters, digits and - _ . only"
            yield Problem(
                ("phone", index, "name"), f'"{phone.name}" cannot stand in an address', mend
            )
        if not phone.password:
            yield Problem(("phone", index, "password"), "is empty", "give the phone a password")


def skills(settings: Settings) -> Iterator[Problem]:
    """Each skill once."""
    yield from distinct("skill", [skill.name for skill in settings.skill])


def agents(settings: Settings) -> Iterator[Problem]:
    """People with phones, queues and skills that there are."""
    yield from distinct("agent", [agent.name for agent in settings.agent])
    phones = dict.fromkeys(phone.name for phone in settings.phone)
    queues = dict.fromkeys(queue.name for queue in settings.queue)
    skills = dict.fromkeys(skill.name for skill in settings.skill)
    for index, agent in enumerate(settings.agent):
        key = ("agent", index)
        yield from known((*key, "phone"), agent.phone, "phone", phones)
        yield from _served((*key, "queues"), agent.queues, queues)
        yield from levels((*key, "skills"), agent.skills, skills)
        yield from _capacity((*key, "capacity"), agent.capacity)
        yield from one_of((*key, "role"), agent.role, ROLES)
        if agent.password_hash:
            yield from _password_hash((*key, "password_hash"), agent.password_hash)


def users(settings: Settings) -> Iterator[Problem]:
    """People who use the CTI and are no agents: each with a name, a role and a password."""
    yield from distinct("user", [user.name for user in settings.user])
    agents = {agent.name: index for index, agent in enumerate(settings.agent)}
    for index, user in enumerate(settings.user):
        key = ("user", index)
        if user.name in agents:
            first = spell(("agent", agents[user.name]))
            mend = "an agent has a role of his own: put it there"
            yield Problem((*key, "name"), f'"{user.name}" is taken by {first}', mend)
        yield from one_of((*key, "role"), user.role, ROLES)
        yield from _password_hash((*key, "password_hash"), user.password_hash)


def _password_hash(key: Key, text: str) -> Iterator[Problem]:
    """What `ccd password` makes, whole: a hash that was cut is one that nobody can log in with."""
    if not text:
        yield Problem(key, "is empty", "make it with: ccd password")
    elif not text.startswith("$argon2"):
        mend = "a password itself must not stand here; make the hash with: ccd password"
        yield Problem(key, "is no argon2 hash", mend)
    elif not _ARGON2.fullmatch(text):
        yield Problem(key, "is no whole argon2 hash", "make it with: ccd password")


def _served(key: Key, served: tuple[str, ...], queues: Collection[str]) -> Iterator[Problem]:
    if EVERY in served:
        if len(served) > 1:
            mend = f'["{EVERY}"] alone, or names alone'
            yield Problem(key, f'"{EVERY}" stands for every queue already', mend)
        return
    seen: set[str] = set()
    for number, queue in enumerate(served):
        yield from known((*key, number), queue, "queue", queues)
        if queue in seen:
            yield Problem((*key, number), f'"{queue}" is there twice', "leave one")
        seen.add(queue)


def _capacity(key: Key, capacity: Mapping[str, int]) -> Iterator[Problem]:
    for channel, count in capacity.items():
        if channel not in CHANNELS:
            hint = choices(channel, CHANNELS)
            yield Problem((*key, channel), f'there is no channel "{channel}"', hint)
        if count < 1:
            mend = "1 at least"
            yield Problem((*key, channel), f"{count} is too few", mend)
