#!/usr/bin/env python3
"""Print a new master key file for one database.

    python3 new-master-key.py DATABASE_UUID [ENVIRONMENT]

The uuid is the value of the system parameter ``database.uuid``. ENVIRONMENT is a word of your own, such as
``production`` (the default). Needs nothing but Python.
"""

import base64
import json
import secrets
import sys
import uuid


def main(words: list[str]) -> None:
    """Print the file; exit with a reason where the words are not a uuid and perhaps an environment."""
    if not 1 <= len(words) <= 2:
        sys.exit(__doc__)
    try:
        database = str(uuid.UUID(words[0]))
    except ValueError:
        sys.exit(f"{words[0]!r} is not the uuid of a database.")
    key = {"id": "k1", "key": base64.b64encode(secrets.token_bytes(32)).decode("ascii"), "active": True}
    environment = words[1] if len(words) > 1 else "production"
    content = {"version": 1, "keys": [key], "database_uuid": database, "environment": environment}
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
