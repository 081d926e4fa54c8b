"""What CloudFormation makes of a template once its parameters are chosen.

Stricter than CloudFormation, which finds out while it deploys: a reference to a resource that the
chosen parameters leave out is an error here, and so is every function, type or attribute that is
not spelled out below.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-central-1"
STACK: Final = "night-backups"
STACK_UUID: Final = "6f2b1c5e-9a1d-4c7e-8b3f-2d4e5f6a7b8c"

PSEUDO_PARAMETERS: Final = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/{STACK_UUID}",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}

_ARN: Final = "arn:aws:{service}:" + f"{REGION}:{ACCOUNT}" + ":{rest}"


def _arn(service: str, rest: str) -> str:
    return _ARN.format(service=service, rest=rest)


# What a resource answers to Ref (under "") and to GetAtt, as CloudFormation's reference says of its
# type; {id} is its logical ID. A type that is not listed is referred to by nobody.
_ANSWERS: Final[Mapping[str, Mapping[str, str]]] = {
    "AWS::ApiGatewayV2::Api": {
        "": "{id}",
        "ApiEndpoint": f"https://{{id}}.execute-api.{REGION}.amazonaws.com",
    },
    "AWS::ApiGatewayV2::Integration": {"": "{id}"},
    "AWS::Events::EventBus": {
        "": STACK,
        "Name": STACK,
        "Arn": _arn("events", f"event-bus/{STACK}"),
    },
    "AWS::Events::Rule": {"": f"{STACK}|{{id}}", "Arn": _arn("events", f"rule/{STACK}/{{id}}")},
    "AWS::IAM::Role": {"": "{id}", "Arn": f"arn:aws:iam::{ACCOUNT}:role/{{id}}"},
    "AWS::Lambda::Function": {"": "{id}", "Arn": _arn("lambda", "function:{id}")},
    "AWS::Logs::LogGroup": {"": "{id}", "Arn": _arn("logs", "log-group:{id}:*")},
    "AWS::Scheduler::ScheduleGroup": {"": "{id}", "Arn": _arn("scheduler", "schedule-group/{id}")},
    "AWS::SNS::Topic": {"": _arn("sns", "{id}")},
    "AWS::SQS::Queue": {
        "": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{id}}",
        "Arn": _arn("sqs", "{id}"),
        "QueueName": "{id}",
    },
    "AWS::StepFunctions::StateMachine": {
        "": _arn("states", "stateMachine:{id}"),
        "Name": "{id}",
    },
}


class Unresolvable(Exception):
    """The template asks for what is not there, or in words that are not known here."""


class _NoValue:
    """What stands for nothing and is left out of the mapping or list it stands in."""


_NO_VALUE: Final = _NoValue()


class Stack:
    """A template with chosen parameters.

    Args:
        template: a CloudFormation template without transforms.
        parameters: values in place of the template's defaults; for a list its text with commas.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        unknown = parameters.keys() - template["Parameters"].keys()
        if unknown:
            raise Unresolvable(f"no such parameter: {', '.join(sorted(unknown))}")
        self._template = template
        self._parameters = dict(parameters)
        self._conditions: dict[str, bool] = {}

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource that is made, its properties without intrinsic functions."""
        return {name: self.resource(name) for name in self._template["Resources"] if self.has(name)}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Every output that the stack shows."""
        return {
            name: str(self._resolve(output["Value"]))
            for name, output in self._template["Outputs"].items()
            if self._holds_for(output)
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of one type, by logical ID."""
        return {n: r["Properties"] for n, r in self.resources.items() if r["Type"] == kind}

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of one resource, which must be there."""
        properties: dict[str, Any] = self.resource(name)["Properties"]
        return properties

    def has(self, name: str) -> bool:
        """Whether a resource of the template is made."""
        return self._holds_for(self._template["Resources"][name])

    def resource(self, name: str) -> dict[str, Any]:
        """One resource, without intrinsic functions.

        Raises:
            Unresolvable: it is not made, or refers to something that is not.
        """
        if not self.has(name):
            raise Unresolvable(f"{name} is not made")
        resource = self._template["Resources"][name]
        try:
            properties = self._resolve(resource["Properties"])
        except Unresolvable as error:
            raise Unresolvable(f"{name}: {error}") from error
        kept = {key: value for key, value in resource.items() if key != "Condition"}
        return {**kept, "Properties": properties}

    def broken_rules(self) -> list[str]:
        """What CloudFormation says of parameters that do not go together."""
        return [
            assertion["AssertDescription"]
            for rule in self._template["Rules"].values()
            if "RuleCondition" not in rule or self._truth(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._truth(assertion["Assert"])
        ]

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            self._conditions[name] = self._truth(self._template["Conditions"][name])
        return self._conditions[name]

    def answer(self, name: str, attribute: str) -> str:
        """What a resource answers to GetAtt, or with an empty attribute to Ref.

        Raises:
            Unresolvable: it is not made, or has no such answer.
        """
        if name not in self._template["Resources"]:
            raise Unresolvable(f"there is no {name}")
        if not self.has(name):
            raise Unresolvable(f"it refers to {name}, which is not made")
        answers = _ANSWERS.get(self._template["Resources"][name]["Type"], {})
        if attribute not in answers:
            raise Unresolvable(f"what {name} answers to {attribute or 'Ref'} is not known here")
        return answers[attribute].format(id=name)

    def _holds_for(self, part: Mapping[str, Any]) -> bool:
        return "Condition" not in part or self.condition(part["Condition"])

    def _truth(self, expression: Mapping[str, Any]) -> bool:
        [(function, argument)] = expression.items()
        match function:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = (self._resolve(side) for side in argument)
                return bool(left == right)
            case "Fn::Not":
                return not self._truth(argument[0])
            case "Fn::And":
                return all(self._truth(part) for part in argument)
            case "Fn::Or":
                return any(self._truth(part) for part in argument)
            case _:
                raise Unresolvable(f"{function} in a condition")

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [part for part in map(self._resolve, value) if part is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        resolved = {key: self._resolve(part) for key, part in value.items()}
        return {key: part for key, part in resolved.items() if part is not _NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::Join": lambda parts: parts[0].join(map(str, self._resolve(parts[1]))),
            "Fn::Select": lambda parts: self._resolve(parts[1])[int(parts[0])],
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
        }
        if function not in functions:
            raise Unresolvable(f"{function} is not known here")
        return functions[function](argument)

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self._resolve(then if self.condition(condition) else otherwise)

    def _find_in_map(self, argument: list[Any]) -> Any:
        name, first, second = (self._resolve(part) for part in argument)
        return self._template["Mappings"][name][first][second]

    def _get_att(self, argument: str | list[str]) -> str:
        return self.answer(*(argument.split(".", 1) if isinstance(argument, str) else argument))

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name not in self._template["Parameters"]:
            return self.answer(name, "")
        parameter = self._template["Parameters"][name]
        if name not in self._parameters and "Default" not in parameter:
            raise Unresolvable(f"{name} has neither value nor default")
        text = str(self._parameters.get(name, parameter.get("Default")))
        if parameter["Type"] == "CommaDelimitedList":
            return text.split(",")
        return text

    def _split(self, argument: list[Any]) -> list[str]:
        text = str(self._resolve(argument[1]))
        if not text:
            raise Unresolvable("CloudFormation's reference does not say what nothing is split into")
        return text.split(argument[0])

    def _sub(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def put(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(self._resolve(variables[name]))
            return str(self.answer(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^!}][^}]*)\}", put, text)


def conditions_behind(template: Mapping[str, Any], value: Any) -> frozenset[str]:
    """The conditions that decide what a part of a template becomes.

    Those it names itself, and those of the resources that it may refer to.
    """
    found: set[str] = set()
    for node in _mappings_in(value):
        if "Fn::If" in node:
            found.add(node["Fn::If"][0])
        if isinstance(node.get("Condition"), str):
            found.add(node["Condition"])
        for name in _resources_named(template, node):
            found |= {template["Resources"][name].get("Condition")} - {None}
    return frozenset(found)


def parameters_behind(template: Mapping[str, Any], conditions: frozenset[str]) -> frozenset[str]:
    """The parameters that decide whether conditions hold."""
    found: set[str] = set()
    for node in _mappings_in([template["Conditions"][name] for name in conditions]):
        found |= _names_in(node) & template["Parameters"].keys()
        if "Condition" in node:
            found |= parameters_behind(template, frozenset({node["Condition"]}))
    return frozenset(found)


def _mappings_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            yield from _mappings_in(part)


def _resources_named(template: Mapping[str, Any], node: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(_names_in(node) & template["Resources"].keys())


def _names_in(node: Mapping[str, Any]) -> set[str]:
    """The parameters and resources that a Ref, GetAtt or Sub names."""
    names: set[str] = set()
    if "Ref" in node:
        names.add(node["Ref"])
    if "Fn::GetAtt" in node:
        attribute = node["Fn::GetAtt"]
        names.add(attribute.split(".")[0] if isinstance(attribute, str) else attribute[0])
    if "Fn::Sub" in node:
        text = node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0]
        names |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
    return names
