"""Statements of policies, whole, and under which parameters they are there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.template.parameter_values import combinations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.template.cloudformation import Stack


class Statement(NamedTuple):
    """One statement of a policy.

    Args:
        sid: its name.
        action: every action, in order.
        resource: every resource, in order.
        condition: JSON.
        principal: JSON, where the policy is a resource's own.
        effect: Allow or Deny.
    """

    sid: str
    action: tuple[str, ...]
    resource: tuple[str, ...]
    condition: str = "{}"
    principal: str = "null"
    effect: str = "Allow"


class Granted(NamedTuple):
    """A statement, and the choice of parameters with which it is there."""

    when: Mapping[str, str]
    statement: Statement


def statement(
    sid: str,
    action: str | Sequence[str],
    resource: str | Sequence[str],
    *,
    condition: object = None,
    principal: object = None,
) -> Statement:
    """What a statement allows."""
    said = {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
    return read({**said, "Condition": condition or {}, "Principal": principal})


def read(said: Mapping[str, Any]) -> Statement:
    """A statement as a policy says it; whatever it says besides is an error."""
    assert said.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    return Statement(
        sid=said["Sid"],
        action=_listed(said["Action"]),
        resource=_listed(said["Resource"]),
        condition=json.dumps(said.get("Condition", {}), sort_keys=True),
        principal=json.dumps(said.get("Principal"), sort_keys=True),
        effect=said["Effect"],
    )


def of_role(stack: Stack, role: str) -> list[Statement]:
    """Every statement of a role's policies, sorted."""
    inline = stack.properties(role)["Policies"]
    attached = [
        policy for policy in stack.of_type("AWS::IAM::Policy").values() if role in policy["Roles"]
    ]
    return sorted(
        read(said)
        for policy in [*inline, *attached]
        for said in policy["PolicyDocument"]["Statement"]
    )


def of_resource(stack: Stack, policy: str) -> list[Statement]:
    """Every statement of a queue's or a topic's policy, sorted."""
    document = stack.properties(policy)["PolicyDocument"]
    return sorted(read(said) for said in document["Statement"])


def choices(template: Mapping[str, Any], names: Iterable[str]) -> Iterator[dict[str, str]]:
    """Every choice of parameters under which one of these resources may turn out differently.

    Each with the value of every parameter of the template, chosen or not.
    """
    defaults = {n: str(p["Default"]) for n, p in template["Parameters"].items() if "Default" in p}
    for chosen in combinations(template, [template["Resources"][name] for name in names]):
        yield {**defaults, **chosen}


def expected(table: Iterable[Granted], chosen: Mapping[str, str]) -> list[Statement]:
    """The statements that a table grants under a choice of parameters, sorted."""
    return sorted(row.statement for row in table if row.when.items() <= chosen.items())


def _listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(sorted(value))
