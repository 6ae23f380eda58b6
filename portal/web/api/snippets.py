"""The examples as they are shown: in the OpenAPI document, and as lines to copy.

The page keeps their variables, the document shows an id in the place of each.
"""

import json
from typing import Any

from portal.web.api.examples import QUERIES, REQUESTS, VARIABLES


def request(name: str) -> Any:
    """The example of a request, with ids in place of its variables; None without a body."""
    body = REQUESTS.get(name)
    if body is None:
        return None
    written = json.dumps(body)
    for variable, value in VARIABLES.items():
        written = written.replace(f"${variable}", value)
    return json.loads(written)


def curl(method: str, path: str, name: str, *, keyed: bool) -> str:
    """The request as a shell line; ``HOST``, ``KEY`` and ``new_key`` are the reader's."""
    lines = [f'curl -X {method} "$HOST{path}{QUERIES.get(name, "")}"']
    lines.append('  -H "Authorization: Bearer $KEY"')
    if keyed:
        lines.append('  -H "Idempotency-Key: $(new_key)"')
    if name in REQUESTS:
        body = json.dumps(REQUESTS[name])
        for variable in VARIABLES:
            body = body.replace(f"${variable}", f"'\"${variable}\"'")
        lines.append('  -H "Content-Type: application/json"')
        lines.append(f"  -d '{body}'")
    return " \\\n".join(lines)


def python(method: str, path: str, name: str, *, keyed: bool) -> str:
    """The request in Python; ``host`` and ``till``, a session with the key, are the reader's."""
    address = repr(path + QUERIES.get(name, ""))
    arguments = []
    if name in REQUESTS:
        arguments.append(f"json={REQUESTS[name]!r}")
    if keyed:
        arguments.append("headers={'Idempotency-Key': str(uuid.uuid4())}")
    for variable in VARIABLES:
        word = variable.lower()
        address = _as_variable(address, variable, word)
        arguments = [_as_variable(one, variable, word) for one in arguments]
    inner = ",\n    ".join([f"host + {address}", *arguments])
    return f"answer = till.{method.lower()}(\n    {inner},\n)"


def _as_variable(code: str, variable: str, word: str) -> str:
    """``'$ACCOUNT'`` becomes the variable; within other text, the text becomes an f-string."""
    code = code.replace(f"'${variable}'", word)
    while f"${variable}" in code:
        where = code.index(f"${variable}")
        opening = code.rindex("'", 0, where)
        prefix = "" if code[opening - 1 : opening] == "f" else "f"
        code = code[:opening] + prefix + code[opening:].replace(f"${variable}", f"{{{word}}}", 1)
    return code
