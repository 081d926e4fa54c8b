"""The part of the template that moto's CloudFormation really creates.

It skips every other type, reports success all the same, and refuses references to what it skipped.
So the other types are left out openly, and what refers to them gets the name they would have had.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.template.parameter_values import LAYER_ARN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.template.cloudformation import Stack

CREATED: Final = frozenset(
    {
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::StepFunctions::StateMachine",
    }
)


def for_moto(template: Mapping[str, Any], everything: Stack, bucket: str) -> dict[str, Any]:
    """A template that moto creates without skipping anything.

    Args:
        template: the translated template.
        everything: the same with all that is left out here, for the names.
        bucket: where the code was uploaded.
    """
    left_out = {n for n, r in template["Resources"].items() if r["Type"] not in CREATED}

    def named(value: Any) -> Any:  # noqa: PLR0911 - a row per form of reference
        """The value with names in place of references to what is left out."""
        if isinstance(value, list):
            return [named(part) for part in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": str(name)} if name in left_out:
                return everything.answer(name, "")
            case {"Fn::GetAtt": [str(name), str(attribute)]} if name in left_out:
                return everything.answer(name, attribute)
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": _named_in_text(text, left_out, everything)}
            case {"S3Bucket": _}:
                return {**value, "S3Bucket": bucket}
            case _:
                return {key: named(part) for key, part in value.items()}

    resources = {
        name: named(resource)
        for name, resource in template["Resources"].items()
        if name not in left_out
    }
    return {
        # moto knows none of AWS's public parameters
        "Parameters": {name: _plain(p) for name, p in template["Parameters"].items()},
        "Mappings": template["Mappings"],
        "Conditions": template["Conditions"],
        "Resources": resources,
    }


def _named_in_text(text: str, left_out: set[str], everything: Stack) -> str:
    def put(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return everything.answer(name, attribute) if name in left_out else match[0]

    return re.sub(r"\$\{([^!}]+)\}", put, text)


def _plain(parameter: Mapping[str, Any]) -> dict[str, Any]:
    if not parameter["Type"].startswith("AWS::SSM::"):
        return dict(parameter)
    return {"Type": "String", "Default": LAYER_ARN.format("AWS-extension")}
