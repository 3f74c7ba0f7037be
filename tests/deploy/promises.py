"""Checks what the translated template says about things that the emulator leaves out: `promises.py <translation>`.

The emulator deploys the stack and ignores throttling, expiry, backups, encryption, lifecycle rules, reserved
concurrency, the mathematics of alarms and the permissions to invoke. Each line that this prints is one check.
"""

import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    TEMPLATE = json.load(file)
RESOURCES = TEMPLATE["Resources"]
passed = failed = 0


def check(what, found, expected=True):
    global passed, failed
    if found == expected:
        passed += 1
        print("ok   ", what)
    else:
        failed += 1
        print(f"WRONG {what}\n  expected: {expected}\n  found:    {found}")


def of_type(kind):
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def default(parameter):
    return TEMPLATE["Parameters"][parameter]["Default"]


def only_if(condition, value):
    """What `!If [condition, value, !Ref AWS::NoValue]` is in JSON."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def the_api():
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    check(
        "every route is throttled by the parameters",
        stage["DefaultRouteSettings"],
        {limit: {"Ref": limit} for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit")},
    )
    check("the limits are above zero", default("ThrottlingRateLimit") > 0 and default("ThrottlingBurstLimit") > 0)
    logged = stage["AccessLogSettings"]["Format"]
    check("the access log has no path, query or address", re.findall(r"path|[qQ]uery|[iI]p\b|requestBody", logged), [])
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    check("there is no CORS", "CorsConfiguration" in api or "x-amazon-apigateway-cors" in api["Body"], False)


def permissions():
    """API Gateway may invoke what its routes name, the schedule what it is for, and nobody anything else."""
    (api,) = of_type("AWS::ApiGatewayV2::Api").values()
    needed = set()
    for path, methods in api["Body"]["paths"].items():
        for method in methods.values():
            alias = re.search(r"functions/\$\{(\w+)\}/invocations", str(method["x-amazon-apigateway-integration"]["uri"]))[1]
            needed.add(("apigateway.amazonaws.com", alias, re.sub(r"\{[^}]*\}", "*", path)))
    for rule in of_type("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            needed.add(("events.amazonaws.com", target["Arn"]["Ref"], ""))
    given = set()
    for permission in of_type("AWS::Lambda::Permission").values():
        source = permission["SourceArn"]
        path = ""
        if permission["Principal"] == "apigateway.amazonaws.com":
            arn, names = source["Fn::Sub"]
            path = re.fullmatch(r".*:\$\{__ApiId__\}/\$\{__Stage__\}/(?:\*|[A-Z]+)(/.*)", arn)[1]
            assert names["__ApiId__"] == {"Ref": "WebhooksApi"}
        given.add((permission["Principal"], permission["FunctionName"]["Ref"], path))
    check("the permissions to invoke are those of the routes and of the schedule", given, needed)
    check("there are routes, and a schedule", {principal for principal, _, _ in given}, {
        "apigateway.amazonaws.com", "events.amazonaws.com"})


def the_functions():
    functions = of_type("AWS::Lambda::Function")
    aliases = {alias["FunctionName"]["Ref"]: alias["Name"] for alias in of_type("AWS::Lambda::Alias").values()}
    check("every function has the alias live", aliases, {name: "live" for name in functions})
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    check("no two functions share a role", len(set(roles)), len(functions))
    reserved = {name: function.get("ReservedConcurrentExecutions") for name, function in functions.items()}
    expected = {name: only_if("ReservesForWebhooks", {"Ref": "WebhookReservedConcurrency"}) for name in functions}
    expected["RecordingsFunction"] = only_if("ReservesForCopier", {"Ref": "CopierReservedConcurrency"})
    expected["QueryFunction"] = expected["UpkeepFunction"] = None
    check("concurrency is reserved for the receivers and the copier", reserved, expected)
    check(
        "none is, by default",
        [str(default(parameter)) for parameter in ("WebhookReservedConcurrency", "CopierReservedConcurrency")],
        ["0", "0"],
    )
    slow = {name for name, function in functions.items() if function["Timeout"] >= 30}
    check("only the functions of a schedule take longer than API Gateway waits", slow, {"RecordingsFunction", "UpkeepFunction"})
    check("every log group ends", [group["RetentionInDays"] for group in of_type("AWS::Logs::LogGroup").values()],
          [{"Ref": "LogRetentionDays"}] * (len(functions) + 1))


def the_receivers():
    """Each writes under the keys of its own provider. ForAllValues alone would let a request pass that has no key."""
    for name, function in of_type("AWS::Lambda::Function").items():
        provider = name.removesuffix("Function").lower()
        if provider in ("recordings", "query", "upkeep"):
            continue
        role = RESOURCES[function["Role"]["Fn::GetAtt"][0]]["Properties"]
        statements = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
        shared = [statement for policy in role["ManagedPolicyArns"]
                  for statement in RESOURCES[policy["Ref"]]["Properties"]["PolicyDocument"]["Statement"]]
        on_table = [statement for statement in statements + shared
                    if str(statement.get("Action", "")).startswith("dynamodb:")]
        expected = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"CALL#{provider}#*", f"EVENT#{provider}#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"}}
        check(f"{name} uses the table under its own keys alone",
              {statement["Action"]: statement.get("Condition") for statement in on_table},
              {f"dynamodb:{action}": expected for action in ("PutItem", "ConditionCheckItem", "GetItem")})
    (policy,) = RESOURCES["QueryRole"]["Properties"]["Policies"]
    (put,) = [statement for statement in policy["PolicyDocument"]["Statement"] if statement.get("Action") == "dynamodb:PutItem"]
    check("the read API puts entries of the audit trail and nothing else", put["Condition"], {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}, "Null": {"dynamodb:LeadingKeys": "false"}})


def the_copier():
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    expected = {
        "EventSourceArn": {"Fn::GetAtt": ["CallsTable", "StreamArn"]},
        "FunctionName": {"Ref": "RecordingsFunctionAliaslive"},
        "StartingPosition": "LATEST",
        "ParallelizationFactor": {"Ref": "CopierParallelism"},
        "MaximumRetryAttempts": 2,
        "BisectBatchOnFunctionError": True,
    }
    check("the stream starts the copier", {name: mapping.get(name) for name in expected}, expected)
    check("two copiers a shard leave the receivers of a small account their share", default("CopierParallelism"), 2)
    (every_minute,) = schedules_of("RecordingsFunctionAliaslive")
    check("the schedule starts it every minute", every_minute, "rate(1 minute)")
    for name, retries in of_type("AWS::Lambda::EventInvokeConfig").items():
        check(f"an old schedule event is not tried again: {name}", retries["MaximumRetryAttempts"], 0)


def the_upkeep():
    (often,) = schedules_of("UpkeepFunctionAliaslive")
    check("the schedule does what is due every five minutes", often, "rate(5 minutes)")


def schedules_of(alias):
    """How often the schedules start the function of an alias."""
    rules = of_type("AWS::Events::Rule").values()
    return [rule["ScheduleExpression"] for rule in rules if {"Ref": alias} in [target["Arn"] for target in rule["Targets"]]]


def the_table():
    table = RESOURCES["CallsTable"]
    properties = table["Properties"]
    check("the table outlives the stack", (table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
    check("it can't be deleted by mistake", properties["DeletionProtectionEnabled"])
    check("items expire", properties["TimeToLiveSpecification"], {"AttributeName": "expires_at_epoch", "Enabled": True})
    check("it can be restored to a point in time",
          properties["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": True})
    check("it is encrypted, with one's own key if there is one", properties["SSESpecification"], {
        "SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": only_if("HasKmsKey", {"Ref": "KmsKeyArn"})})


def the_bucket():
    bucket = RESOURCES["RecordingsBucket"]
    properties = bucket["Properties"]
    check("the bucket outlives the stack", (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]), ("Retain", "Retain"))
    check("nothing in it is public", properties["PublicAccessBlockConfiguration"], dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True))
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    check("it is encrypted, with one's own key if there is one", encryption["ServerSideEncryptionByDefault"], {
        "SSEAlgorithm": {"Fn::If": ["HasKmsKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": only_if("HasKmsKey", {"Ref": "KmsKeyArn"})})
    check("what was overwritten can be brought back", properties["VersioningConfiguration"], {"Status": "Enabled"})
    rules = [rule.get("Fn::If", [None, rule])[1] for rule in properties["LifecycleConfiguration"]["Rules"]]
    check("every rule is in force", {rule["Status"] for rule in rules}, {"Enabled"})
    expiring = {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    check("only evidence expires", expiring, {"evidence/": {"Ref": "EvidenceRetentionDays"}})
    check("unfinished uploads end", [rule["AbortIncompleteMultipartUpload"] for rule in rules
                                     if "AbortIncompleteMultipartUpload" in rule], [{"DaysAfterInitiation": 1}])
    check("old versions end", all("NoncurrentVersionExpiration" in rule for rule in rules
                                  if "ExpirationInDays" in rule or "ExpiredObjectDeleteMarker" in rule))


def the_alarms():
    """CloudWatch takes ten metrics at most in one alarm, and exactly one result."""
    alarms = of_type("AWS::CloudWatch::Alarm")
    check("every alarm reaches the topic", {name for name, alarm in alarms.items()
                                            if alarm["AlarmActions"] != [{"Ref": "AlarmTopic"}]}, set())
    check("every alarm says what to do", {name for name, alarm in alarms.items()
                                          if len(alarm["AlarmDescription"]) < 80}, set())
    on_mathematics = {name: alarm["Metrics"] for name, alarm in alarms.items() if "Metrics" in alarm}
    for name, metrics in on_mathematics.items():
        stats = [metric for metric in metrics if "MetricStat" in metric]
        check(f"{name}: at most ten metrics", len(stats) <= 10)
        check(f"{name}: one result", len([metric for metric in metrics if metric.get("ReturnData", True)]), 1)
        ids = {metric["Id"] for metric in metrics}
        used = {word for metric in metrics if "SELECT" not in metric.get("Expression", "")
                for word in re.findall(r"\b[a-z]\w*\b", metric.get("Expression", ""))}
        check(f"{name}: its expressions name metrics that it has", used - ids, set())
        check(f"{name}: one period", len({metric["MetricStat"]["Period"] for metric in stats}) <= 1)
    check("there are alarms", len(alarms) > 5)


for promise in (the_api, permissions, the_functions, the_receivers, the_copier, the_upkeep, the_table, the_bucket, the_alarms):
    promise()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
