from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gaussdb_backup.settings import read_settings
from tests.cloud.lambda_runtime import LambdaRuntime
from tests.cloud.local_cloud import INSTANCE_ID, LocalCloud
from tests.stack.choices import (
    EVERYTHING,
    EVERYTHING_DIRECT,
    INSTANCES,
    LAYER_ARN,
    NOTHING,
    REQUIRED,
    combinations,
)
from tests.stack.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.stack.translation import ROOT

NIGHT = "2026-11-23T03:15:00Z"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:BackupFunction"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"


def machine(name: str) -> str:
    """The ARN of a state machine of the stack."""
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def fired(schedule: dict[str, Any], at: str = NIGHT) -> Any:
    """The event that EventBridge Scheduler makes of a schedule's input."""
    return json.loads(schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", at))


def schedule(template: dict[str, Any], name: str, **chosen: str) -> dict[str, Any]:
    """One schedule of a stack with the required parameters and those given."""
    return Stack(template, {**REQUIRED, **chosen}).properties(name)


def test_a_schedule_starts_the_state_machine_by_default(template: dict[str, Any]) -> None:
    """It hands over all instances, the time, and a key that a second delivery repeats."""
    made = schedule(template, "FleetSchedule", InstanceIds="a1,b2,c3", NamePrefix="nightly")
    assert made["Target"]["Arn"] == machine("FleetStateMachine")
    assert fired(made) == {
        "instances": ["a1", "b2", "c3"],
        "name_prefix": "nightly",
        "scheduled_time": NIGHT,
        "idempotency_key": f"{STACK}-schedule-{NIGHT}",
    }


def test_a_schedule_can_take_its_instances_from_a_list_in_s3(template: dict[str, Any]) -> None:
    """The state machine reads the list; the input says where it lies."""
    made = schedule(template, "FleetSchedule", FleetList="our-lists/instances.json")
    assert fired(made)["list"] == {"bucket": "our-lists", "key": "instances.json"}
    assert "instances" not in fired(made)


def test_without_waiting_a_schedule_fires_the_function(template: dict[str, Any]) -> None:
    """One schedule per instance, each with a payload of its own."""
    stack = Stack(template, EVERYTHING_DIRECT)
    payloads = []
    for number in range(1, 6):
        made = stack.properties(f"DirectSchedule{number}")
        assert made["Target"]["Arn"] == FUNCTION
        payloads.append(fired(made))
    assert payloads == [
        {"instance_id": instance, "name_prefix": "auto", "scheduled_time": NIGHT}
        for instance in INSTANCES[:5]
    ]


def test_what_a_schedule_says_becomes_a_backup(template: dict[str, Any]) -> None:
    """The input of the direct schedule, fired twice, makes one backup named for its time."""
    chosen = {"WaitForCompletion": "false", "InstanceIds": INSTANCE_ID, "NamePrefix": "nightly"}
    event = fired(schedule(template, "DirectSchedule1", **chosen))
    with LocalCloud() as cloud, LambdaRuntime(cloud.environment()) as function:
        replies = [function.invoke(event)["outcome"] for _ in range(2)]
        [backup] = cloud.emulator.backups
    assert replies == ["created", "existing"]
    assert re.fullmatch(r"nightly-20261123T031500Z-[0-9a-f]{12}", backup.name)


def test_the_freshness_timer_asks_for_every_instance(template: dict[str, Any]) -> None:
    """Its input and what the state machine adds make a request that the function understands."""
    made = schedule(template, "FreshnessTimer", InstanceIds="a1,b2", MaxBackupAgeHours="30")
    assert made["Target"]["Arn"] == machine("FreshnessStateMachine")
    assert fired(made) == {"instances": ["a1", "b2"], "max_age_hours": 30}
    listed = schedule(template, "FreshnessTimer", FleetList="our-lists/instances.json")
    assert fired(listed)["list"] == {"bucket": "our-lists", "key": "instances.json"}


@pytest.mark.parametrize(
    ("hours", "rate"),
    [
        ("1", "rate(1 hour)"),
        ("6", "rate(6 hours)"),
        ("12", "rate(12 hours)"),
        ("24", "rate(1 day)"),
    ],
)
def test_freshness_is_looked_at_as_often_as_chosen(
    template: dict[str, Any], hours: str, rate: str
) -> None:
    """The alarm on the age waits for as long as there is between two looks."""
    stack = Stack(template, {**REQUIRED, "FreshnessHours": hours})
    assert stack.properties("FreshnessTimer")["ScheduleExpression"] == rate
    assert stack.properties("BackupAgeAlarm")["Period"] == int(hours) * 3600


def test_every_offered_rate_of_looks_is_known(template: dict[str, Any]) -> None:
    """Each value of the parameter has a row in the table."""
    allowed = template["Parameters"]["FreshnessHours"]["AllowedValues"]
    assert set(allowed) == template["Mappings"]["FreshnessTimer"].keys()


@pytest.mark.parametrize("chosen", [EVERYTHING, EVERYTHING_DIRECT], ids=["waiting", "direct"])
def test_no_schedule_loses_an_event(template: dict[str, Any], chosen: dict[str, str]) -> None:
    """A hand-over is tried again for an hour, and kept if it never succeeds."""
    for made in Stack(template, chosen).of_type("AWS::Scheduler::Schedule").values():
        target = made["Target"]
        assert target["DeadLetterConfig"] == {"Arn": DEAD_LETTERS}
        assert target["RetryPolicy"] == {
            "MaximumRetryAttempts": 10,
            "MaximumEventAgeInSeconds": 3600,
        }
        assert made["State"] == "ENABLED"


def test_events_that_the_function_gave_up_are_kept(template: dict[str, Any]) -> None:
    """Also where success and failure go to the event bus."""
    function = Stack(template, EVERYTHING).properties("BackupFunction")
    assert function["DeadLetterConfig"] == {"TargetArn": DEAD_LETTERS}


def test_time_zone_and_window_are_those_chosen(template: dict[str, Any]) -> None:
    """Every schedule has them, a window of none is a mode of its own."""
    late = {"ScheduleTimeZone": "Asia/Shanghai", "BackupSchedule": "cron(0 4 ? * SUN *)"}
    for waits, name in (("true", "FleetSchedule"), ("false", "DirectSchedule1")):
        chosen = {**late, "WaitForCompletion": waits, "FlexibleWindowMinutes": "45"}
        made = schedule(template, name, **chosen)
        assert made["ScheduleExpression"] == "cron(0 4 ? * SUN *)"
        assert made["ScheduleExpressionTimezone"] == "Asia/Shanghai"
        assert made["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "45"}
        exact = schedule(template, name, **{**chosen, "FlexibleWindowMinutes": "0"})
        assert exact["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_the_default_schedule_keeps_out_of_the_hours_that_a_clock_change_touches(
    template: dict[str, Any],
) -> None:
    """From the earliest to the latest start it lies outside 01:00 to 03:00."""
    parameters = template["Parameters"]
    found = re.fullmatch(
        r"cron\((\d+) (\d+) \* \* \? \*\)", parameters["BackupSchedule"]["Default"]
    )
    assert found
    starts = int(found[2]) * 60 + int(found[1])
    ends = starts + parameters["FlexibleWindowMinutes"]["Default"]
    assert starts >= 3 * 60
    assert ends < 24 * 60


def test_silence_is_noticed_no_earlier_than_a_daily_schedule_allows(
    template: dict[str, Any],
) -> None:
    """The longest day has 25 hours, and the window comes on top."""
    parameters = template["Parameters"]
    window = parameters["FlexibleWindowMinutes"]["Default"] / 60
    assert parameters["NoBackupHours"]["Default"] >= 26
    assert parameters["NoBackupHours"]["Default"] > 25 + window


def test_the_api_is_throttled_and_leaves_the_function_its_time(template: dict[str, Any]) -> None:
    """Every stage has its limits; the gateway waits longer than the function takes over HTTP."""
    stack = Stack(template, EVERYTHING)
    limits = {
        name: made["DefaultRouteSettings"]
        for name, made in stack.of_type("AWS::ApiGatewayV2::Stage").items()
    }
    assert limits == {
        "BackupApiStage": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10},
        "WebhookStage": {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 5},
    }
    for made in stack.of_type("AWS::ApiGatewayV2::Integration").values():
        assert 20_000 < made["TimeoutInMillis"] <= 30_000
        assert made["PayloadFormatVersion"] == "2.0"
        assert made["IntegrationUri"] == FUNCTION


def test_access_logs_carry_no_header_and_no_body(template: dict[str, Any]) -> None:
    """A signature or a payload must not end up in a log."""
    for made in Stack(template, EVERYTHING).of_type("AWS::ApiGatewayV2::Stage").values():
        logged = json.loads(made["AccessLogSettings"]["Format"])
        assert {"request_id", "source_ip", "route", "status"} <= logged.keys()
        assert not re.search(r"header|authorizer|body|querystring", str(logged).lower())


def test_the_function_starts_under_every_combination(template: dict[str, Any]) -> None:
    """What the template puts into the environment are settings that the function accepts."""
    name = "BackupFunction"
    for chosen in combinations(template, template["Resources"][name]):
        function = Stack(template, chosen).properties(name)
        settings = read_settings(function["Environment"]["Variables"])
        assert chosen["CredentialsSecret"] == settings.CREDENTIALS_SECRET_ID
        assert chosen["WebhookSecret"] == (settings.WEBHOOK_SECRET_ID or "")
        assert chosen["ProjectId"] == (settings.PROJECT_ID or "")
        assert settings.POWERTOOLS_SERVICE_NAME == STACK
        assert (settings.ALLOWED_INSTANCES is None) == (chosen["AllowedInstances"] == "")


def test_the_function_is_what_it_was_built_as(template: dict[str, Any]) -> None:
    """Handler, runtime, and an extension of the same architecture that caches nothing."""
    for chosen, layer in (
        ({}, "/aws/service/aws-parameters-and-secrets-lambda-extension/arm64/latest"),
        (
            {"Architecture": "x86_64"},
            "/aws/service/aws-parameters-and-secrets-lambda-extension/x86/latest",
        ),
        ({"ExtensionLayerArn": LAYER_ARN.format("our-own")}, LAYER_ARN.format("our-own")),
    ):
        function = Stack(template, {**NOTHING, **chosen}).properties("BackupFunction")
        assert function["Layers"] == [layer]
        assert function["Architectures"] == [chosen.get("Architecture", "arm64")]
        assert function["Handler"] == "gaussdb_backup.handler.lambda_handler"
        assert function["Runtime"] == "python3.13"
        assert function["Environment"]["Variables"]["SECRETS_MANAGER_TTL"] == "0"
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert function["LoggingConfig"]["ApplicationLogLevel"] == "INFO"


OPENGAUSS_HOSTS = (
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "cn-east-3",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-south-2",
    "cn-south-4",
    "cn-southwest-2",
    "la-north-2",
    "la-south-2",
    "ru-northwest-2",
    "sa-brazil-1",
)
PLAIN_HOSTS = (
    "af-north-1",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-4",
    "cn-east-5",
    "cn-north-12",
    "me-east-1",
    "tr-west-1",
)


def test_the_presets_are_the_published_endpoints(template: dict[str, Any]) -> None:
    """OTC's and those of Huawei Cloud, whose newer regions have another host name."""
    huawei = {
        f"huawei-{region}": {
            "GaussDB": f"https://{host}.{region}.myhuaweicloud.com",
            "Iam": f"https://iam.{region}.myhuaweicloud.com",
        }
        for host, regions in (("gaussdb-opengauss", OPENGAUSS_HOSTS), ("gaussdb", PLAIN_HOSTS))
        for region in regions
    }
    otc = {
        "GaussDB": "https://gaussdb.eu-de.otc.t-systems.com",
        "Iam": "https://iam.eu-de.otc.t-systems.com",
    }
    assert template["Mappings"]["Clouds"] == {"otc-eu-de": otc, **huawei}
    offered = template["Parameters"]["CloudRegion"]
    assert set(offered["AllowedValues"]) == template["Mappings"]["Clouds"].keys()
    assert offered["Default"] == "otc-eu-de"


def test_endpoints_of_ones_own_go_before_the_presets(template: dict[str, Any]) -> None:
    """Each of the two alone."""
    own = {"GaussDBEndpoint": "https://gaussdb.example.com", "CloudRegion": "huawei-cn-east-2"}
    function = Stack(template, {**REQUIRED, **own}).properties("BackupFunction")
    variables = function["Environment"]["Variables"]
    assert variables["GAUSSDB_ENDPOINT"] == "https://gaussdb.example.com"
    assert variables["IAM_ENDPOINT"] == "https://iam.cn-east-2.myhuaweicloud.com"


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("InstanceIds", [INSTANCE_ID], ["", "a-b", "a b", '"', "a" * 65]),
        ("AllowedInstances", ["", "a1", "a1,b2"], ["a1,", ",", "a1, b2", "*"]),
        (
            "CredentialsSecret",
            [
                "gaussdb/backup",
                "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a/b-Xy12Z9",
            ],
            ["", "*", "a*", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*", "a?"],
        ),
        ("FleetList", ["", "our-lists/all.json"], ["*/x", "our-lists/*", "our-lists/a/b", 'b/"']),
        ("NamePrefix", ["auto", "a" * 34], ["", "1a", "a" * 35, 'a"']),
        ("BackupSchedule", ["", "rate(1 day)", "cron(0 4 * * ? *)"], ["daily", "0 4 * * *"]),
        (
            "GaussDBEndpoint",
            ["", "https://gaussdb.example.com:8443"],
            ["http://gaussdb.example.com"],
        ),
        ("RequesterAccount", ["", "210987654321"], ["*", "21098765432"]),
    ],
)
def test_parameters_admit_nothing_that_would_break_what_they_are_put_into(
    template: dict[str, Any], parameter: str, good: list[str], bad: list[str]
) -> None:
    """No quote gets into a schedule's JSON, no asterisk into a policy."""
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [text for text in good if not pattern.fullmatch(text)] == []
    assert [text for text in bad if pattern.fullmatch(text)] == []


@pytest.mark.parametrize(
    "name",
    ["BackupStateMachine", "FleetStateMachine", "FreshnessStateMachine"],
)
def test_a_definition_gets_what_it_asks_for(template: dict[str, Any], name: str) -> None:
    """Every ${…} of the file is filled in, the result is JSON, and nothing is handed in vain."""
    made = Stack(template, EVERYTHING).properties(name)
    definition = (ROOT / made["DefinitionS3Location"]["Key"]).read_text(encoding="utf-8")
    substitutions = made["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == substitutions.keys()
    filled = re.sub(r"\$\{(\w+)\}", lambda found: str(substitutions[found[1]]), definition)
    assert json.loads(filled)["StartAt"]
