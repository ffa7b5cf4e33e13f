"""
Documents ``APPLICATION.tag-router``: which providers of an application have which tag.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from rpcfw.values.instance import Instance
from rpcfw_dubbo_rules.fields import Fields, read_fields
from rpcfw_dubbo_rules.matches import check_address, is_at, parameters_fit
from rpcfw_dubbo_rules.parameters import provider_parameter

__all__ = ["Tag", "TagRule", "read_tag_rule"]


@frozen(eq=False)
class Tag:
    """
    One tag, and which providers have it.
    """

    name: str
    has: Callable[[Instance], bool]


@frozen(eq=False)
class TagRule:
    """
    The tags of an application.

    Args:
        force: calls with one of these tags fail if no provider has it.
    """

    tags: tuple[Tag, ...]
    force: bool

    @property
    def names(self) -> frozenset[str]:
        """
        The names of all tags.
        """
        return frozenset(tag.name for tag in self.tags)

    def of(self, instance: Instance) -> set[str]:
        """
        Return the tags of a provider.
        """
        return {tag.name for tag in self.tags if tag.has(instance)}


def read_tag_rule(text: str) -> TagRule | None:
    """
    Read a document; None if it is not enabled.

    Raises:
        ValueError: it cannot be read.
    """
    fields = read_fields(text, "v3.0")
    enabled = fields.truth("enabled", default=True)
    tags = tuple(map(_tag, fields.each("tags")))
    if not tags:
        raise ValueError("tags: expected a list of tags, each with name and addresses")
    rule = TagRule(tags, fields.truth("force", default=False))
    return rule if enabled else None


def _tag(fields: Fields) -> Tag:
    name, addresses = fields.text("name"), fields.texts("addresses")
    if not name:
        raise ValueError(f"{fields.where}name: expected the name of the tag")
    if addresses:
        for each in addresses:
            check_address(each, fields.where)
        return Tag(name, lambda one: any(is_at(one.address, each) for each in addresses))
    match = fields.each("match")
    if not match:
        return Tag(name, lambda one: False)
    fit = parameters_fit(match)
    return Tag(name, lambda one: fit(provider_parameter(one)))
