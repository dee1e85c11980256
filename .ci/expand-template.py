"""Expands a template of AWS SAM into the CloudFormation that it stands for, as JSON on standard output.

    python expand-template.py infra/template.yaml > expanded.json

Linters see more in that than in the short form. Wants the package aws-sam-translator.
"""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names none."""

    def load(self):
        return {}


# What it stands for does not depend on the region, but the translator wants one.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file)
# `sam package` puts an address in its place.
for resource in template["Resources"].values():
    if "CodeUri" in resource["Properties"]:
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, indent=1)
