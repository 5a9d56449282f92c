"""Spare each process of the tests a second: jsonschema makes grammars of web addresses where it can."""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # as the command line does; nothing here reads such addresses
