"""Runs verify.py on the shared vectors."""

import json
import pathlib
import sys

from verify import verify

vectors = json.loads((pathlib.Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
wrong = [
    v["name"]
    for v in vectors
    if verify(v["secret"], v["id"], v["timestamp"], v["signature"], v["body"].encode(), v["now"]) is not v["valid"]
]
print(f"Python: {len(vectors) - len(wrong)} of {len(vectors)} vectors")
sys.exit(f"judged wrongly: {wrong}" if wrong or not vectors else 0)
