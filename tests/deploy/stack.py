"""Deploys the stack to the emulator: `stack.py <template> <folder of bootstraps> <sources>`.

The functions' programs are <folder>/<logical id>/bootstrap. The other scripts of this folder use the functions of
this file to send requests to the stack and to count what they check.
"""

import functools
import http.client
import io
import json
import os
import sys
import zipfile

import boto3

STACK = "call-ledger"
ARTIFACTS = "artifacts"
PORT = int(os.environ["GATEWAY_PORT"])
passed = failed = 0


@functools.cache
def client(service):
    return boto3.client(service)


def check(what, good, found=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("ok   " if good else "WRONG", what if found == "" else f"{what}: {found}", flush=True)


def end():
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


# ---- Requests --------------------------------------------------------------------------------------------------


@functools.cache
def outputs():
    (stack,) = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@functools.cache
def physical_ids():
    resources = client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def send(method, path, headers=None, body=None):
    """Sends a request to the stack's API. Returns the status, the JSON of the answer (`{}` for none) and its headers."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    host = outputs()["QueryUrl"].split("/")[2]
    connection.request(method, path, body=body, headers={**(headers or {}), "Host": host})
    answer = connection.getresponse()
    text = answer.read()
    try:
        said = json.loads(text)
    except ValueError:
        said = {}
    return answer.status, said, dict(answer.getheaders())


def ask(path, method="GET"):
    return send(method, path, {"authorization": "Bearer local-query-token"})


# ---- Deploying -------------------------------------------------------------------------------------------------


def fit(template, endpoint):
    """Changes what the emulator can't deploy. `promises.py` checks on the unchanged translation what gets lost here."""
    resources = template["Resources"]
    routes = {}
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Function":
            properties["Code"] = {"S3Bucket": ARTIFACTS, "S3Key": f"{name}.zip"}
            for service in ("DYNAMODB", "S3", "SSM"):
                properties["Environment"]["Variables"][f"AWS_ENDPOINT_URL_{service}"] = endpoint
        elif resource["Type"] == "AWS::ApiGatewayV2::Api":
            # The emulator ignores the document of the API, so its routes are written out.
            paths = properties.pop("Body")["paths"]
            properties.pop("FailOnWarnings", None)
            properties.pop("DisableExecuteApiEndpoint", None)
            properties.update(Name={"Ref": "AWS::StackName"}, ProtocolType="HTTP")
            routes[name] = [(path, method, said) for path, methods in paths.items() for method, said in methods.items()]
        elif resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            # The emulator refuses the mathematics of metrics, so such an alarm looks at one metric of its own.
            properties.pop("Metrics")
            properties.update(Namespace=STACK, MetricName=name, Statistic="Sum", Period=60)
    for api, parts in routes.items():
        for number, (path, method, said) in enumerate(parts):
            integration = said["x-amazon-apigateway-integration"]
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            resources[f"Integration{number}"] = {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
                "ApiId": {"Ref": api}, "IntegrationType": "AWS_PROXY", "IntegrationMethod": integration["httpMethod"],
                "IntegrationUri": integration["uri"], "PayloadFormatVersion": integration["payloadFormatVersion"]}}
            resources[f"Route{number}"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": {
                "ApiId": {"Ref": api}, "RouteKey": f"{verb} {path}",
                "Target": {"Fn::Sub": f"integrations/${{Integration{number}}}"}}}
    return template


def upload(name, bootstrap):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o100755 << 16
        with open(bootstrap, "rb") as program:
            file.writestr(entry, program.read())
    client("s3").put_object(Bucket=ARTIFACTS, Key=f"{name}.zip", Body=archive.getvalue())


def deploy(template, bootstraps, sources):
    for provider, named in sources.items():
        for name, source in named.items():
            client("ssm").put_parameter(
                Name=f"/call-ledger/{provider}/{name}", Type="SecureString", Value=json.dumps(source))
    client("s3").create_bucket(Bucket=ARTIFACTS)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            upload(name, f"{bootstraps}/{name}/bootstrap")
    cloudformation = client("cloudformation")
    # With a limit, the upkeep looks for what is too old.
    given = {"Architecture": "x86_64", "AlarmEmail": "a@example.com", "RecordRetentionDays": "36500"}
    # A template of this size can't be a part of the request.
    fitted = json.dumps(fit(template, os.environ["AWS_ENDPOINT_URL"]))
    client("s3").put_object(Bucket=ARTIFACTS, Key="template.json", Body=fitted.encode())
    cloudformation.create_stack(
        StackName=STACK, TemplateURL=f"{os.environ['AWS_ENDPOINT_URL']}/{ARTIFACTS}/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()])
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except Exception as error:
        for event in cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event.get("ResourceStatusReason"))
        sys.exit(f"the stack was not deployed: {error}")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as translation, open(sys.argv[3], encoding="utf-8") as keys:
        deploy(json.load(translation), sys.argv[2], json.load(keys))
    print(f"{len(physical_ids())} resources")
