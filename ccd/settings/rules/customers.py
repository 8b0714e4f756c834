"""`[[customer_class]]` and `[[customer]]`: who is who, each number once."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import LANGUAGES, choices, distinct, known, not_negative, one_of


def directory(settings: Settings) -> Iterator[Problem]:
    """A country that there is, digits, and keys that say something."""
    import phonenumbers

    section = settings.directory
    key = ("directory", "region")
    if section.region not in phonenumbers.SUPPORTED_REGIONS:
        mend = choices(section.region, sorted(phonenumbers.SUPPORTED_REGIONS))
        yield Problem(key, f'"{section.region}" is no country', mend)
    if section.area_code and not section.area_code.isdecimal():
        message = f'"{section.area_code}" is no area code'
        yield Problem(("directory", "area_code"), message, 'digits alone, such as "021"')
    for name in ("id_keys", "account_keys"):
        for index, each in enumerate(getattr(section, name)):
            if not each:
                yield Problem(("directory", name, index), "is empty", "leave it out")


def classes(settings: Settings) -> Iterator[Problem]:
    """Each class once, with a head start that ageing can make good."""
    yield from distinct("customer_class", [each.name for each in settings.customer_class])
    for index, each in enumerate(settings.customer_class):
        yield from not_negative(
            ("customer_class", index, "head_start_s"), each.head_start_s, "none"
        )


def customers(settings: Settings) -> Iterator[Problem]:
    """Each number once, with a class and an adviser that there are."""
    yield from distinct(
        "customer", [customer.number for customer in settings.customer], field="number"
    )
    classes = dict.fromkeys(each.name for each in settings.customer_class)
    agents = dict.fromkeys(agent.name for agent in settings.agent)
    for index, customer in enumerate(settings.customer):
        key = ("customer", index)
        if customer.customer_class:
            yield from known(
                (*key, "customer_class"), customer.customer_class, "customer_class", classes
            )
        if customer.adviser:
            yield from known((*key, "adviser"), customer.adviser, "agent", agents)
        if customer.language:
            yield from one_of((*key, "language"), customer.language, LANGUAGES)
