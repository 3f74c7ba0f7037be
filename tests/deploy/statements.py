"""Removes each statement of the stack's policies once, and checks that it is missed: `statements.py <translation>`.

The statements are those of the template, so a new one is tried without being named here. `--all` removes those of
`NOT_MISSED`, too, and fails if one of them is missed. At the end the roles of the receivers write under each provider's
keys themselves: their own are taken, and no others.
"""

import base64
import contextlib
import functools
import hmac
import json
import os
import pathlib
import signal
import sys
import time
import uuid

import boto3
from botocore.exceptions import ClientError

from checks import DAYS, NO_LINK, call, deliver, deliver_call, follow, large, put_copy, samples
from stack import ask, check, client, end, outputs, physical_ids, send

# Actions whose removal changes nothing here, and why: by action, or by action and the end of the resource.
NOT_MISSED = {
    "dynamodb:GetItem": "the read during start-up opens a connection; it may fail",
    "dynamodb:ConditionCheckItem": "no delivery here is kept without changing the record of its call",
    "dynamodb:DescribeStream": "the emulator reads the stream with rights of its own",
    "dynamodb:GetRecords": "the same",
    "dynamodb:GetShardIterator": "the same",
    "dynamodb:ListStreams": "the same",
    "kms:Decrypt": "the stack is deployed without a key of one's own",
    "kms:GenerateDataKey": "the same",
    "logs:CreateLogStream": "the emulator writes the logs with rights of its own",
    "logs:PutLogEvents": "the same",
    "s3:AbortMultipartUpload": "no host of a recording is in reach, so the copier uploads nothing",
    "s3:PutObject /recordings/*": "the same",
    "s3:PutObjectTagging": "the same",
    "xray:PutTelemetryRecords": "the emulator has no X-Ray",
    "xray:PutTraceSegments": "the same",
}


# ---- Statements ------------------------------------------------------------------------------------------------


def text(resource):
    """A resource as the template has it: `${CallsTable.Arn}/index/work`."""
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return "${" + ".".join(resource["Fn::GetAtt"]) + "}"
    if isinstance(resource, dict):
        return next(value if isinstance(value, str) else value[0] for value in resource.values())
    return resource


def statements(document):
    """The statements that are deployed without a key of one's own, each with its name."""
    kept = [statement for statement in document["Statement"] if "Fn::If" not in statement]
    return [f"{statement['Action']} {text(statement['Resource'])}" for statement in kept]


def is_missed(name):
    action, resource = name.split(" ", 1)
    return not any(entry.split(" ")[0] == action and resource.endswith(entry.partition(" ")[2]) for entry in NOT_MISSED)


@contextlib.contextmanager
def role_without(role, policy, number):
    iam, role = client("iam"), physical_ids()[role]
    whole = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    rest = [statement for position, statement in enumerate(whole["Statement"]) if position != number]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps({**whole, "Statement": rest}))
    yield
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))


@contextlib.contextmanager
def managed_policy_without(policy, number):
    iam, arn = client("iam"), physical_ids()[policy]
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    whole = iam.get_policy_version(PolicyArn=arn, VersionId=before)["PolicyVersion"]["Document"]
    rest = [statement for position, statement in enumerate(whole["Statement"]) if position != number]

    def replace(document):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])

    replace({**whole, "Statement": rest})
    yield
    replace(whole)


# ---- What a function does with its rights ----------------------------------------------------------------------


def processes(function):
    """The processes of a function. What a process that has ended was started with can't be read any more."""
    marks = {f"AWS_LAMBDA_FUNCTION_NAME={physical_ids()[function]}".encode(),
             f"AWS_ENDPOINT_URL_S3={os.environ['AWS_ENDPOINT_URL']}".encode()}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            if marks <= set((process / "environ").read_bytes().split(b"\0")):
                yield int(process.name)


def restart(function):
    """Ends the processes of a function, so that the next invocation starts one, which reads its sources."""
    while found := list(processes(function)):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.01)


def job(call_id, states, seconds=20):
    """The item of a call's recording, as soon as its state is one of `states`; `None` if that takes too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        items = client("dynamodb").query(
            TableName=outputs()["TableName"], KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={
                ":pk": {"S": f"CALL#callkaro#default#{call_id}"}, ":sk": {"S": "RECORDING#"}})["Items"]
        if items and items[0]["state"]["S"] in states:
            return items[0]
        time.sleep(0.05)
    return None


def ended():
    """A call whose recording was rejected: its id and the recording's."""
    call_id = str(uuid.uuid4())
    assert deliver_call(call_id, link=NO_LINK) == (200, "accepted")
    item = job(call_id, ("rejected",))
    return call_id, item["sk"]["S"].removeprefix("RECORDING#") if item else None


def delivery(call_id):
    """The path of the first delivery of a call."""
    return f"{call(call_id)}/deliveries/{ask(call(call_id))[1]['deliveries'][0]['delivery_id']}"


@contextlib.contextmanager
def quarantined(call_id):
    """The first delivery of a call waits in quarantine, with what is in the bucket for it."""
    s3, bucket = client("s3"), outputs()["BucketName"]
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="evidence/callkaro/")["Contents"]]
    for key in keys:
        source = {"Bucket": bucket, "Key": key}
        s3.copy_object(Bucket=bucket, Key=key.replace("evidence/", "quarantine/", 1), CopySource=source)
    delivery_id = delivery(call_id).split("/")[-1]
    key = {"pk": {"S": f"CALL#callkaro#default#{call_id}"}, "sk": {"S": f"DELIVERY#{delivery_id[:22]}#{delivery_id[22:]}"}}

    def set_state(state):
        client("dynamodb").update_item(
            TableName=outputs()["TableName"], Key=key, UpdateExpression="SET #state = :state",
            ExpressionAttributeNames={"#state": "state"}, ExpressionAttributeValues={":state": {"S": state}})

    set_state("quarantined")
    try:
        yield
    finally:
        set_state("applied")


def receives(function, provider):
    """Sends deliveries to a receiver. CallKaro's can be made large; Sautikit's can be signed here, whatever is in them."""
    restart(function)
    sample = next(sample for sample in samples() if sample.startswith(provider))
    yield "a delivery", deliver(sample)[0] == 200
    if provider == "callkaro":
        yield "a large delivery", deliver_call(str(uuid.uuid4()), large())[0] == 200
    if provider == "sautikit":
        body = large().encode()
        with open("events/sources.json", encoding="utf-8") as file:
            secret = json.load(file)["sautikit"]["default"]["secrets"][0]
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        status, said, _ = send("POST", "/webhooks/sautikit/default", {"x-sautikit-signature": signature}, body)
        yield "a large delivery that can't be read", (status, said.get("status")) == (200, "quarantined")


def recordings():
    """The key of one recording of each provider."""
    items = client("dynamodb").scan(TableName=outputs()["TableName"], ProjectionExpression="pk, sk")["Items"]
    return {item["pk"]["S"].split("#")[1]: item for item in items if item["sk"]["S"].startswith("RECORDING#")}


def make_due(key):
    """A recording's job waits for another attempt, at a link that is refused once its source is known."""
    client("dynamodb").update_item(
        TableName=outputs()["TableName"], Key=key,
        UpdateExpression="SET #state = :state, work_due = :due, work_shard = :shard, #url = :url, attempts = :none",
        ExpressionAttributeNames={"#state": "state", "#url": "url"},
        ExpressionAttributeValues={
            ":state": {"S": "retry"}, ":due": {"S": "2026-01-01T00:00:00.000Z"}, ":shard": {"S": "recording#0"},
            ":url": {"S": NO_LINK}, ":none": {"N": "0"}})


def copies(function, _):
    restart(function)
    keys = recordings()
    for key in keys.values():
        make_due(key)
    answer = client("lambda").invoke(
        FunctionName=physical_ids()[function], Qualifier="live",
        Payload=pathlib.Path("events/recordings-schedule.json").read_bytes())
    said = json.load(answer["Payload"])
    yield "the schedule", "FunctionError" not in answer and said.get("unavailable") == 0
    for provider, key in sorted(keys.items()):
        item = client("dynamodb").get_item(TableName=outputs()["TableName"], Key=key)["Item"]
        yield f"a recording of {provider}", item["state"]["S"] == "rejected"
    call_id, recording_id = ended()
    yield "the stream", recording_id is not None
    if recording_id:
        put_copy(call_id, recording_id, b"ID3 a recording")
        ask(f"{call(call_id)}/recordings/{recording_id}/retry", "POST")
        item = job(call_id, ("stored", "rejected"))
        yield "a copy of a copier that died", item is not None and item["state"]["S"] == "stored"


def answers(function, _):
    restart(function)
    (listed, *_) = ask(f"/calls?day={DAYS[-1]}")[1].get("calls") or [None]
    yield "the calls of a day", listed is not None
    for column in ("from", "to"):
        party = listed[column].replace("+", "%2B")
        yield f"the calls {column} a party", bool(ask(f"/calls?{column}={party}")[1].get("calls"))
    yield "a call", ask(call("copied"))[0] == 200
    yield "a large call", len(json.dumps(ask(call("large"))[1])) > 750_000
    item = job("copied", ("stored",))
    recording_id = item["sk"]["S"].removeprefix("RECORDING#")
    headers = {name.lower(): value for name, value in ask(f"{call('copied')}/recordings/{recording_id}")[2].items()}
    yield "a recording", "location" in headers and follow(headers["location"]) == 200
    yield "what waits", ask("/quarantine")[0] == 200 and ask("/recordings")[0] == 200
    yield "the audit trail", bool(ask("/audit")[1].get("entries"))
    yield "a delivery in the bucket", ask(delivery("large"))[0] == 200
    with quarantined("large"):
        yield "a delivery in the bucket's quarantine", ask(delivery("large"))[0] == 200
    call_id, recording_id = ended()
    yield "a retry", ask(f"{call(call_id)}/recordings/{recording_id}/retry", "POST")[0] == 202


def deliveries():
    """The key of one delivery of each provider, with its evidence in the item."""
    items = client("dynamodb").scan(
        TableName=outputs()["TableName"], ProjectionExpression="pk, sk, evidence")["Items"]
    return {item["pk"]["S"].split("#")[1]: {"pk": item["pk"], "sk": item["sk"]} for item in items
            if item["pk"]["S"].startswith("CALL#") and item["sk"]["S"].startswith("DELIVERY#") and "evidence" in item}


def quarantine_id(key):
    pk = base64.urlsafe_b64encode(key["pk"]["S"].encode()).decode().rstrip("=")
    return key["sk"]["S"].removeprefix("DELIVERY#").replace("#", "") + pk


def set_column(call_id, name, value):
    """Another value in a column of a call than its bodies have, as an older version may have read it."""
    client("dynamodb").update_item(
        TableName=outputs()["TableName"], Key={"pk": {"S": f"CALL#callkaro#default#{call_id}"}, "sk": {"S": "CALL"}},
        UpdateExpression="SET #name = :value", ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": {"S": value}})


def objects_in_quarantine():
    listed = client("s3").list_objects_v2(Bucket=outputs()["BucketName"], Prefix="quarantine/callkaro/default/")
    return listed["KeyCount"]


def erase(path):
    return send("DELETE", path, {"authorization": "Bearer local-eraser-token"})


def erases():
    """Erases a call with something of every kind, and a large delivery that names no call."""
    call_id, recording_id = ended()
    put_copy(call_id, recording_id, b"ID3 a recording")
    assert deliver_call(call_id, large()) == (200, "revised")
    status, receipt, _ = erase(call(call_id))
    yield "an erasure", status == 200 and {"copies", "large_bodies", "large_values"} <= set(receipt["erased"])
    yield "what was erased takes no delivery", deliver_call(call_id) == (200, "ignored")
    assert deliver_call(None, large()) == (200, "quarantined")
    waiting = [one for one in ask("/quarantine")[1]["deliveries"] if one["reason"] == "call_id_missing"]
    before = objects_in_quarantine()
    status, receipt, _ = erase(f"/quarantine/{waiting[0]['quarantine_id']}")
    yield "the erasure of a delivery", (status, receipt.get("status")) == (200, "erased")
    yield "nothing of it is in the bucket", objects_in_quarantine() == before - 1


def acts(function, _):
    restart(function)
    for provider, key in sorted(deliveries().items()):
        client("dynamodb").update_item(
            TableName=outputs()["TableName"], Key=key, UpdateExpression="SET #state = :state",
            ExpressionAttributeNames={"#state": "state"}, ExpressionAttributeValues={":state": {"S": "quarantined"}})
        status, said, _ = ask(f"/quarantine/{quarantine_id(key)}/replay?force=true", "POST")
        yield f"a replay of {provider}", (status, said.get("status")) == (200, "duplicate")
    # Its call is not named, and its body has no room in the item.
    assert deliver_call(None, large()) == (200, "quarantined")
    waiting = [one for one in ask("/quarantine")[1]["deliveries"] if one["reason"] == "call_id_missing"]
    before = objects_in_quarantine()
    status, said, _ = ask(f"/quarantine/{waiting[0]['quarantine_id']}/discard", "POST")
    yield "a discard", (status, said.get("status")) == (200, "discarded")
    yield "its evidence is where evidence expires", objects_in_quarantine() == before - 1
    set_column("large", "status", "failed")
    status, said, _ = ask(f"{call('large')}/rebuild", "POST")
    yield "a record made anew", (status, said.get("changed")) == (200, ["status"])
    yield from erases()
    # A pass over all calls begins once a day, and now.
    client("dynamodb").delete_item(
        TableName=outputs()["TableName"], Key={"pk": {"S": "UPKEEP#retention"}, "sk": {"S": "RETENTION"}})
    answer = client("lambda").invoke(
        FunctionName=physical_ids()[function], Qualifier="live",
        Payload=pathlib.Path("events/upkeep-schedule.json").read_bytes())
    answer["Payload"].read()
    yield "the schedule", "FunctionError" not in answer


def first_failure(functions):
    """The first thing that the functions do not do any more; `None` if they do all."""
    for function in functions:
        probe = {"RecordingsFunction": copies, "QueryFunction": answers, "UpkeepFunction": acts}.get(function, receives)
        for what, good in probe(function, function.removesuffix("Function").lower()):
            if not good:
                return f"{what}, of {function}"
    return None


# ---- All of them -----------------------------------------------------------------------------------------------


def policies(resources):
    """Every policy: the name, a function that removes one of its statements, its document, and who has it."""
    function_of = {
        resource["Properties"]["Role"]["Fn::GetAtt"][0]: name
        for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Function"}
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            functions = [function_of[role] for role, other in resources.items()
                         if {"Ref": name} in other.get("Properties", {}).get("ManagedPolicyArns", [])]
            without = functools.partial(managed_policy_without, name)
            yield name, without, properties["PolicyDocument"], functions
        elif resource["Type"] == "AWS::IAM::Role":
            for policy in properties.get("Policies", []):
                without = functools.partial(role_without, name, policy["PolicyName"])
                yield name, without, policy["PolicyDocument"], [function_of[name]]


def table_of(role_of):
    """A client for the table with the rights of a function: it signs with what one of its processes was started with."""
    environ = pathlib.Path(f"/proc/{next(processes(role_of))}/environ").read_bytes().split(b"\0")
    signs = dict(entry.decode().split("=", 1) for entry in environ if b"=" in entry)
    return boto3.client(
        "dynamodb", aws_access_key_id=signs["AWS_ACCESS_KEY_ID"], aws_secret_access_key=signs["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=signs.get("AWS_SESSION_TOKEN"))


def may_put(table, *partitions):
    """Whether a role may put an item into each of these partitions, in one transaction."""
    items = [{"pk": {"S": partition}, "sk": {"S": "TRIED"}} for partition in partitions]
    puts = [{"Put": {"TableName": outputs()["TableName"], "Item": item}} for item in items]
    try:
        table.transact_write_items(TransactItems=puts)
    except ClientError as error:
        assert "AccessDenied" in error.response["Error"]["Code"], error
        return False
    for item in items:
        client("dynamodb").delete_item(TableName=outputs()["TableName"], Key=item)
    return True


def check_keys(providers):
    for provider in providers:
        function = f"{provider.capitalize()}Function"
        deliver(next(sample for sample in samples() if sample.startswith(provider)))
        table = table_of(function)
        for other in providers:
            written = [may_put(table, f"{kind}#{other}#default#c") for kind in ("CALL", "EVENT")]
            check(f"{function} writes {other}'s keys", written == [other == provider] * 2, written)
        foreign = next(other for other in providers if other != provider)
        beside = may_put(table, f"CALL#{provider}#default#c", f"CALL#{foreign}#default#c")
        check(f"{function} writes {foreign}'s keys beside its own", not beside)
        odd = [may_put(table, partition) for partition in (f"AUDIT#{provider}#", f"CALL#{provider}", "CALL#")]
        check(f"{function} writes keys of no provider", not any(odd), odd)
    ask("/audit")
    table = table_of("QueryFunction")
    written = [may_put(table, partition) for partition in ("AUDIT#2026-06-27", "CALL#agni#default#c", "EVENT#agni#default#b")]
    check("QueryFunction puts entries of the audit trail and nothing else", written == [True, False, False], written)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        translated = json.load(file)["Resources"]
    everything = "--all" in sys.argv
    tried = left = 0
    for owner, without, document, functions in policies(translated):
        failure = first_failure(functions)
        check(f"{owner}, whole", failure is None, failure or "")
        for number, name in enumerate(statements(document)):
            left += not is_missed(name)
            if is_missed(name) or everything:
                with without(number):
                    failure = first_failure(functions)
                check(f"  without {name}", (failure is not None) == is_missed(name), f"fails: {failure}")
                tried += is_missed(name)
        # The next invocation starts a process that has read its sources with all rights.
        for function in functions:
            restart(function)
    (receivers,) = [functions for owner, _, _, functions in policies(translated) if owner == "ReceiverPolicy"]
    check_keys([function.removesuffix("Function").lower() for function in receivers])
    print(f"{tried} statements are missed. {left} can't be here.")
    end()
