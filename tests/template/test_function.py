from __future__ import annotations

from typing import Any

from gaussdb_backup.settings import read_settings
from tests.template.cloudformation import ACCOUNT, REGION, STACK, Stack
from tests.template.parameter_values import EVERYTHING, LAYER_ARN, REQUIRED, combinations

NAME = "BackupFunction"
DEAD_LETTERS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:DeadLetters"
OTC = {
    "GaussDB": "https://gaussdb.eu-de.otc.t-systems.com",
    "Iam": "https://iam.eu-de.otc.t-systems.com",
}
# what the two parameters of AWS's extension are looked up under
EXTENSION = "/aws/service/aws-parameters-and-secrets-lambda-extension"
LAYERS = {"arm64": f"{EXTENSION}/arm64/latest", "x86_64": f"{EXTENSION}/x86/latest"}


def environment(chosen: dict[str, str]) -> dict[str, str]:
    """The variables that the function has under the chosen parameters."""
    variables = {
        "GAUSSDB_ENDPOINT": chosen["GaussDBEndpoint"] or OTC["GaussDB"],
        "IAM_ENDPOINT": chosen["IamEndpoint"] or OTC["Iam"],
        "PROJECT_ID": chosen["ProjectId"],
        "CREDENTIALS_SECRET_ID": chosen["CredentialsSecret"],
        "WEBHOOK_SECRET_ID": chosen["WebhookSecret"],
        "ALLOWED_INSTANCES": chosen["AllowedInstances"],
        "SECRETS_MANAGER_TTL": "0",
        "POWERTOOLS_METRICS_NAMESPACE": "GaussDBBackup",
        "POWERTOOLS_SERVICE_NAME": STACK,
    }
    return {name: value for name, value in variables.items() if value}


def test_the_function_is_exactly_this_under_every_combination(template: dict[str, Any]) -> None:
    """Its code, size and time, an extension of its own architecture, its log, and its variables.

    The log's levels let metrics pass, which are lines too, and the reports that tell cold starts.
    """
    for chosen in combinations(template, template["Resources"][NAME]):
        assert Stack(template, chosen).properties(NAME) == {
            "Description": "Turns an event into exactly one manual backup of a GaussDB instance",
            "Code": {"S3Bucket": "artifacts", "S3Key": "src/"},
            "Handler": "gaussdb_backup.handler.lambda_handler",
            "Runtime": "python3.13",
            "Architectures": [chosen["Architecture"]],
            "Layers": [chosen["ExtensionLayerArn"] or LAYERS[chosen["Architecture"]]],
            "Role": f"arn:aws:iam::{ACCOUNT}:role/BackupFunctionRole",
            "Timeout": 120,
            "MemorySize": 512,
            "LoggingConfig": {
                "LogFormat": "JSON",
                "ApplicationLogLevel": "INFO",
                "SystemLogLevel": "INFO",
                "LogGroup": "FunctionLogs",
            },
            "DeadLetterConfig": {"TargetArn": DEAD_LETTERS},
            "Environment": {"Variables": environment(chosen)},
            "Tags": [{"Key": "lambda:createdBy", "Value": "SAM"}],
        }


def test_the_function_starts_under_every_combination(template: dict[str, Any]) -> None:
    """What the template puts into the environment are settings that the function accepts."""
    for chosen in combinations(template, template["Resources"][NAME]):
        settings = read_settings(environment(chosen))
        assert chosen["CredentialsSecret"] == settings.CREDENTIALS_SECRET_ID
        assert chosen["WebhookSecret"] == (settings.WEBHOOK_SECRET_ID or "")
        assert chosen["ProjectId"] == (settings.PROJECT_ID or "")
        assert settings.POWERTOOLS_SERVICE_NAME == STACK
        assert (settings.ALLOWED_INSTANCES is None) == (chosen["AllowedInstances"] == "")


def test_the_extension_of_ones_own_is_a_layer_of_lambda(template: dict[str, Any]) -> None:
    """It goes before AWS's own, whose ARN an SSM parameter tells."""
    own = {"ExtensionLayerArn": LAYER_ARN.format("our-own")}
    assert Stack(template, {**REQUIRED, **own}).properties(NAME)["Layers"] == [
        "arn:aws:lambda:eu-central-1:123456789012:layer:our-own:7"
    ]
    parameters = template["Parameters"]
    types = {parameters[f"ExtensionLayer{name}"]["Type"] for name in ("Arm64", "X86")}
    assert types == {"AWS::SSM::Parameter::Value<String>"}


def test_logs_can_have_a_key_of_ones_own(stack: Stack, template: dict[str, Any]) -> None:
    """Every log group is encrypted with it if it is named, and has none otherwise."""
    for group in stack.of_type("AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == EVERYTHING["LogsKmsKeyArn"]
    for group in Stack(template, REQUIRED).of_type("AWS::Logs::LogGroup").values():
        assert "KmsKeyId" not in group


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
    assert template["Mappings"]["Clouds"] == {"otc-eu-de": OTC, **huawei}
    offered = template["Parameters"]["CloudRegion"]
    assert set(offered["AllowedValues"]) == template["Mappings"]["Clouds"].keys()
    assert offered["Default"] == "otc-eu-de"


def test_endpoints_of_ones_own_go_before_the_presets(template: dict[str, Any]) -> None:
    """Each of the two alone."""
    own = {"GaussDBEndpoint": "https://gaussdb.example.com", "CloudRegion": "huawei-cn-east-2"}
    function = Stack(template, {**REQUIRED, **own}).properties(NAME)
    variables = function["Environment"]["Variables"]
    assert variables["GAUSSDB_ENDPOINT"] == "https://gaussdb.example.com"
    assert variables["IAM_ENDPOINT"] == "https://iam.cn-east-2.myhuaweicloud.com"
