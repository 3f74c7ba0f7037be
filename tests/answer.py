"""Prints what a function answered, read from standard input, on one line.

`200 accepted <call id>` for a webhook or a call, `401 signature_mismatch` for an error, `200 3 calls` for a list,
`{"ended":1,…}` for the copier, `failed <type>` for an error of the function's runtime, and `no answer`.
"""

import json
import sys

try:
    answer = json.load(sys.stdin)
except ValueError:
    answer = None
if answer is None:
    print("no answer")
elif "errorType" in answer:
    print("failed", answer["errorType"])
elif "statusCode" not in answer:
    print(json.dumps(answer, separators=(",", ":"), sort_keys=True))
else:
    body = json.loads(answer["body"])
    if "calls" in body:
        said = [len(body["calls"]), "calls"]
    else:
        # A record has an `error` as well, with more than a code in it.
        said = [body[name] for name in ("error", "status", "call_id") if isinstance(body.get(name), str)]
    print(answer["statusCode"], *said)
