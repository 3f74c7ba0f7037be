"""Sends to the deployed stack what providers and readers send, and checks the answers: `checks.py <translation>`.

The program for laptops (`LOCAL`) signs the samples as their providers do.
"""

import base64
import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

from stack import ask, check, client, end, outputs, send

DAYS = ("2024-01-15", "2025-12-19", "2026-03-24", "2026-06-27")
# None of these ever reaches a host, so a job is over at once.
NO_LINK = "https://127.0.0.1/recording.mp3"


def local(*arguments):
    return subprocess.run([os.environ["LOCAL"], *arguments], capture_output=True, text=True, check=True).stdout


def samples():
    return local("send", "--list").split()


def delivery(sample):
    """The request that a provider would send for a sample: method, path, headers, body."""
    event = json.loads(local("event", sample))
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    headers = {name: value for name, value in event["headers"].items() if name not in ("host", "content-length")}
    return event["requestContext"]["http"]["method"], event["rawPath"], headers, body


def deliver(sample):
    status, said, _ = send(*delivery(sample))
    return status, said.get("status", said.get("error"))


def deliver_forged(sample):
    """The same with another body if it is signed, else with another token."""
    method, path, headers, body = delivery(sample)
    if any("signature" in name for name in headers):
        body += b" "
    else:
        path = path[:-1] + ("0" if path[-1] != "0" else "1")
    status, said, _ = send(method, path, headers, body)
    return status, said.get("error")


def deliver_call(call_id, transcription="A word.", link=NO_LINK):
    """Delivers a call that no sample has. CallKaro signs nothing, so its body can be changed."""
    method, path, headers, body = delivery("callkaro-call-ended")
    event = json.loads(body)
    event["data"] |= {"callSid": call_id, "transcription": transcription, "recordingUrl": link}
    status, said, _ = send(method, path, headers, json.dumps(event).encode())
    return status, said.get("status", said.get("error"))


def large():
    """A text that no item can hold, and that can't be compressed."""
    return "word " + random.randbytes(375_000).hex()


def call(call_id):
    return f"/calls/callkaro/default/{call_id}"


def recording(call_id, wait_for, seconds=15):
    """The recording of a call, as soon as its state is one of those waited for, or what it is when time is over."""
    until = time.monotonic() + seconds
    while True:
        recordings = ask(call(call_id))[1].get("recordings") or [{}]
        if recordings[0].get("state") in wait_for or time.monotonic() > until:
            return recordings[0]
        time.sleep(0.1)


def put_copy(call_id, recording_id, content):
    """Puts a copy where the copier would have put it before it died."""
    day = time.strftime("%Y/%m/%d", time.gmtime())
    key = f"recordings/callkaro/default/{day}/{call_id}/{recording_id}.mp3"
    client("s3").put_object(Bucket=outputs()["BucketName"], Key=key, Body=content, ContentType="audio/mpeg")


def check_resources(translation):
    (stack,) = client("cloudformation").describe_stacks()["Stacks"]
    check("the stack", stack["StackStatus"] == "CREATE_COMPLETE", stack["StackStatus"])
    kinds = [resource["Type"] for resource in translation["Resources"].values()]
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    every = len(alarms) == kinds.count("AWS::CloudWatch::Alarm") and all(alarm["AlarmActions"] for alarm in alarms)
    check("every alarm, each with an action", every, len(alarms))
    table = client("dynamodb").describe_table(TableName=outputs()["TableName"])["Table"]
    indexes = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    check("the table's indexes", indexes >= {"by-time", "by-from", "by-to", "work"}, ", ".join(sorted(indexes)))
    check("the table's stream", table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES")
    (mapping,) = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    check("the stream starts the copier's alias", mapping["FunctionArn"].endswith(":live"), mapping["State"])


def check_webhooks():
    for sample in samples():
        found = deliver_forged(sample)
        is_signed = sample.startswith(("sautikit-", "telnyx-"))
        expected = "signature_mismatch" if is_signed else "token_mismatch"
        check(f"{sample}, forged", found == (401, expected), found)
        found = deliver(sample)
        check(sample, found == (200, "accepted"), found)
        found = deliver(sample)
        check(f"{sample} again", found == (200, "duplicate"), found)
    check("another method", send("GET", "/webhooks/telnyx/default")[0] == 405)
    status, said, _ = send("POST", "/webhooks/telnyx/other", {"content-type": "application/json"}, b"{}")
    check("another source", (status, said["error"]) == (404, "source_unknown"), status)


def check_lists():
    status, said, _ = send("GET", f"/calls?day={DAYS[0]}")
    check("reading without a token", status == 401, said.get("error"))
    status, said, _ = send("GET", f"/calls?day={DAYS[0]}", {"authorization": "Bearer guessed"})
    check("reading with another token", status == 401, said.get("error"))
    counts, listed = {}, []
    for day in DAYS:
        calls = ask(f"/calls?day={day}")[1].get("calls", [])
        counts[day] = len(calls)
        listed += calls
    check("the calls of the samples' days", len(listed) == 6 and all(counts.values()), counts)
    for one in listed:
        status, said, _ = ask(one["path"])
        check(one["path"], (status, said.get("call_id")) == (200, one["call_id"]), status)
        for column in ("from", "to"):
            # A plus sign means a blank in a query.
            party = one[column].replace("+", "%2B")
            found = [same["path"] for same in ask(f"/calls?{column}={party}")[1].get("calls", [])]
            check(f"  and {column} its party", one["path"] in found, f"{len(found)} calls")


def check_large():
    found = deliver_call("large", large())
    check("a delivery of 750 KB", found == (200, "accepted"), found)
    status, said, _ = ask(call("large"))
    check("is read again whole", status == 200 and len(json.dumps(said)) > 750_000, status)
    objects = client("s3").list_objects_v2(Bucket=outputs()["BucketName"]).get("Contents", [])
    folders = {one["Key"].split("/")[0] for one in objects}
    check("its evidence and its text are in the bucket", folders == {"evidence", "values"}, f"{len(objects)} objects")


def check_copier():
    """The stream starts the copier. It reaches no host from here, and follows no link to this machine."""
    deliver_call("copied")
    ended = recording("copied", ("rejected",))
    found = (ended.get("state"), ended.get("reason"))
    check("the stream wakes the copier, which refuses the link", found == ("rejected", "ip_literal"), found)
    put_copy("copied", ended.get("recording_id"), b"ID3 a recording")
    status = ask(f"{call('copied')}/recordings/{ended.get('recording_id')}/retry", "POST")[0]
    check("a reader asks for another attempt", status == 202, status)
    stored = recording("copied", ("stored",))
    check("the copier finds the copy of one that died", stored.get("state") == "stored", stored.get("state"))
    check("with its size", stored.get("size_bytes") == len(b"ID3 a recording"), stored.get("size_bytes"))
    status, _, headers = ask(f"{call('copied')}/recordings/{ended.get('recording_id')}")
    check("the recording is behind a link", status == 302, status)
    link = headers.get("location", headers.get("Location", ""))
    check("into the bucket", follow(link) == 200, link.split("?")[0])


def follow(link):
    """The status that a link into the bucket answers with."""
    try:
        with urllib.request.urlopen(link) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        check_resources(json.load(file))
    check_webhooks()
    check_lists()
    check_large()
    check_copier()
    end()
