"""Runs MiniStack, an emulator of AWS, with three corrections. `AUTH=true` in the environment makes it enforce policies."""

import json

from ministack import app
from ministack.core import iam_actions

resource_of = iam_actions.extract_resource_arn


def resource_with_path(service, method, path, headers, body, query, region, account):
    """The resource that a request is about.

    For a path in Parameter Store AWS asks whether the caller may read that path. MiniStack asks for "*", which no
    narrow policy allows.
    """
    if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParametersByPath"):
        return f"arn:aws:ssm:{region}:{account}:parameter{json.loads(body)['Path']}"
    return resource_of(service, method, path, headers, body, query, region, account)


iam_actions.extract_resource_arn = resource_with_path

context_of = iam_actions.dynamodb_service_context


def context_with_keys(body):
    """What a request to DynamoDB says that a policy can ask for.

    AWS tells a policy the partition keys that a request is about. MiniStack does not, and a condition on them would
    refuse everything.
    """
    request = json.loads(body or b"{}")
    parts = [part for item in request.get("TransactItems", []) for part in item.values()] or [request]
    items = [part.get("Item") or part.get("Key") or {} for part in parts]
    keys = [item["pk"]["S"] for item in items if "pk" in item]
    return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}


iam_actions.dynamodb_service_context = context_with_keys

# The functions trust public certificates only, so they speak to the emulator without TLS. The bucket's policy refuses
# that, and has to see their requests as they would come to AWS.
pin_request_origin = app.pin_request_origin
app.pin_request_origin = lambda address, tls: pin_request_origin(address, True)

if __name__ == "__main__":
    app.main()
