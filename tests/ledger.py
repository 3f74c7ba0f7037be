"""Prints the calls of some days as the read API tells them, one on a line: `ledger.py <base URL> <day>…`.

A line has the provider, the call's id and status, then its deliveries and its recordings, counted by what became
of them and why.
"""

import collections
import json
import sys
import urllib.request


def get(path):
    request = urllib.request.Request(sys.argv[1] + path, headers={"Authorization": "Bearer local-query-token"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def counted(items):
    ends = (f"{item['state']} {item['reason']}" if item["reason"] else item["state"] for item in items)
    return " + ".join(f"{count} {end}" for end, count in sorted(collections.Counter(ends).items())) or "none"


for day in sys.argv[2:]:
    for listed in sorted(get(f"/calls?day={day}")["calls"], key=lambda call: call["call_id"]):
        call = get(listed["path"])
        name = f"{call['provider']} {call['call_id']} {call['status']}"
        print(name, counted(call["deliveries"]), counted(call["recordings"]), sep=": ")
