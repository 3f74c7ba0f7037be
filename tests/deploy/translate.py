"""Translates the template as SAM does when a stack is deployed.

`translate.py <template> [<parameter>=<value>…]` prints the translation as JSON. What is left are resources of CloudFormation, without any of SAM's own. A template that SAM refuses ends with its words.
"""

import json
import logging
import os
import sys

# The translator asks for a region, and writes none of it into the translation.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


# It also tells of features of SAM that it would ask a service for.
logging.disable(logging.WARNING)


class NoManagedPolicies:
    """The template names no managed policy by its short name, so there is none to look up."""

    def load(self):
        return {}


def translate(template, parameters):
    """The translation of a template that `read` returned. SAM changes what it is given, so it gets a copy."""
    copy = json.loads(json.dumps(template))
    return json.loads(json.dumps(transform(copy, parameters, NoManagedPolicies())))


def read(path):
    """The template, with a place to fetch the programs from."""
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    # The programs are uploaded before SAM translates. The place does not matter here.
    template["Globals"]["Function"]["CodeUri"] = "s3://artifacts/program.zip"
    return template


if __name__ == "__main__":
    try:
        parameters = dict(argument.split("=", 1) for argument in sys.argv[2:])
        json.dump(translate(read(sys.argv[1]), parameters), sys.stdout, indent=1)
    except InvalidDocumentException as error:
        sys.exit(error.message + " " + " ".join(cause.message for cause in error.causes))
