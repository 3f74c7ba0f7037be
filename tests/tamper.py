"""Forges an API Gateway event, from standard input to standard output: another token, or else another body."""

import base64
import json
import sys

event = json.load(sys.stdin)
if "token" in event["pathParameters"]:
    event["pathParameters"]["token"] = "x" * 48
elif event["isBase64Encoded"]:
    event["body"] = base64.b64encode(base64.b64decode(event["body"]) + b"&Forged=1").decode()
else:
    event["body"] += " "
json.dump(event, sys.stdout)
