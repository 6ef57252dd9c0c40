"""Print docs/asyncapi.yaml: `python -m tests.asyncapi >docs/asyncapi.yaml`."""

import json
import sys

import yaml

from tests.asyncapi.document import document

HEAD = "# Made of the models by `python -m tests.asyncapi`: change those, not this file. A test compares the two.\n"


def text() -> str:
    """Return the document as YAML."""
    # through JSON: enums become their texts, and nothing is shared, which YAML would spell as an alias
    return HEAD + yaml.safe_dump(json.loads(json.dumps(document())), sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    sys.stdout.write(text())
