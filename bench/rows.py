"""Rows: what the programs that measure tell. See row.h, which is the same for C."""

import json
import os
import statistics


def _put(line):
    path = os.environ.get("DPUCC_BENCH_ROWS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def times(row, what, who, seconds):
    """Of durations: the median and the 99th centile."""
    values = sorted(s * 1000 for s in seconds)
    median, p99 = statistics.median(values), values[-(-len(values) * 99 // 100) - 1]
    print(f"{row:<4} {what:<44} {who:<16} {median:10.3f} ms  {p99:10.3f} ms p99", flush=True)
    _put({"row": row, "what": what, "who": who, "unit": "ms", "median": median, "p99": p99,
          "n": len(values)})


def value(row, what, who, number, unit):
    print(f"{row:<4} {what:<44} {who:<16} {number:10.3f} {unit}", flush=True)
    _put({"row": row, "what": what, "who": who, "unit": unit, "value": number})


def absent(who):
    print(f"     {'':<44} {who:<16} is not installed", flush=True)
