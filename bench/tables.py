"""What was measured, as tables for people. The words and the aims are in table.json."""

import json
import os
import re

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "table.json"),
          encoding="utf-8") as _file:
    _data = json.load(_file)

ROWS = _data["rows"]
AIMS = _data["aims"]
MORE_IS_BETTER = ("hits/s", "per s", "artifacts/s", "GB/s", "GMAC/s")
BEGIN, END = "<!-- bench/run --document: from here -->", "<!-- to here -->"


def number(row, stat="median"):
    return row.get(stat, row.get("value"))


def short(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def is_ours(row):
    return row["who"].startswith("dpucc")


def ratio(row, ours):
    """How many times as long, as large, or as slow as ours the peer's is."""
    mine, theirs = number(ours), number(row)
    if not mine or not theirs or not row["unit"]:
        return ""
    return f", {short(mine / theirs if row['unit'] in MORE_IS_BETTER else theirs / mine)}x"


def cell(row, ours, with_unit):
    unit = " " + row["unit"] if with_unit else ""
    p99 = f" ({short(row['p99'])})" if "p99" in row else ""
    return short(number(row)) + unit + p99 + (ratio(row, ours) if ours and not is_ours(row) else "")


def _line(what, group, whos):
    ours = next((row for row in group.values() if is_ours(row)), None)
    units = {row["unit"] for row in group.values()}
    unit = ", " + units.pop() if len(units) == 1 and "" not in units else ""
    return f"| {what}{unit} | " + " | ".join(
        cell(group[who], ours, len(units) > 1) if who in group else "" for who in whos) + " |"


def row_table(own):
    """One line for each thing measured, one column for each program, ours first; things that other
    programs do are in another table."""
    parts = []
    for what in dict.fromkeys(row["what"] for row in own):
        group = {row["who"]: row for row in own if row["what"] == what}
        fitting = next((part for part in parts if part[0].keys() >= group.keys()
                        or part[0].keys() <= group.keys()), None)
        if not fitting:
            fitting = ({}, [])
            parts.append(fitting)
        fitting[0].update(dict.fromkeys(group))
        fitting[1].append((what, group))
    lines = []
    for columns, things in parts:
        whos = sorted(columns, key=lambda who: not who.startswith("dpucc"))
        lines += ["", "| | " + " | ".join(whos) + " |", "|---" * (len(whos) + 1) + "|"]
        lines += [_line(what, group, whos) for what, group in things]
    return lines


def tables(measured, wanted):
    lines = []
    for ident, (title, unequal) in ROWS.items():
        if ident not in wanted:
            continue
        own = [row for row in measured if row["row"] == ident]
        failed = [row["failed"] for row in own if "failed" in row]
        own = [row for row in own if "failed" not in row]
        lines += ["", f"### {ident}. {title}", "", unequal]
        if own:
            lines += row_table(own)
        if failed:
            lines += ["", "Not measured: " + "; ".join(failed) + "."]
    return "\n".join(lines) + "\n"


def _matching(measured, aim, who, what):
    return [row for row in measured if row["row"] == aim["row"] and "failed" not in row
            and re.search(what, row["what"]) and re.search(who, row["who"])]


def _pairs(measured, aim):
    """(value, text) of all that the aim speaks of."""
    stat = aim.get("stat", "median")
    for row in _matching(measured, aim, f"^{re.escape(aim['ours'])}$", aim.get("what", "")):
        mine = number(row, stat)
        if "of" not in aim:
            yield mine, f"{short(mine)} {aim.get('unit', '')}".strip()
            continue
        who = aim["of"] if aim["of"].startswith("^") else f"^{re.escape(aim['of'])}$"
        for peer in _matching(measured, aim, who, aim.get("of_what", f"^{re.escape(row['what'])}$")):
            theirs = number(peer, stat)
            yield (mine / theirs,
                   f"{short(mine / theirs)} ({short(mine)} and {short(theirs)} {row['unit']})")


def judge(measured, aim):
    """(True, False or None for not measured; what the worst is)."""
    found = list(_pairs(measured, aim))
    if not found:
        return None, "not measured"
    if "at_most" in aim:
        worst = max(found)
        return worst[0] <= aim["at_most"], worst[1]
    worst = min(found)
    return worst[0] >= aim["at_least"], worst[1]


def aims_table(measured, wanted):
    lines = ["| row | aim | measured, the worst of the row | met? |", "|---|---|---|---|"]
    missed = []
    for aim in AIMS:
        if aim["row"] not in wanted:
            continue
        met, text = judge(measured, aim)
        answer = {True: "yes", False: "**no**", None: "-"}[met]
        if met is False and "why" in aim:
            answer += ": " + aim["why"]
        lines.append(f"| {aim['row']} | {aim['aim']} | {text} | {answer} |")
        if met is not True:
            missed.append(f"{aim['row']}: {aim['aim']}: {text}")
    return "\n".join(lines) + "\n", missed


def about(machine):
    peers = ", ".join(text for text in machine["peers"].values() if text)
    quick = "**A quick run: a tenth of the rounds, and smaller files.** " if machine["quick"] else ""
    return (f"{quick}{machine['date']}, commit {machine['commit']}: {machine['cores']} cores of"
            f" {machine['cpu']}, {machine['memory_gib']} GiB, {machine['file_system']}, Linux"
            f" {machine['kernel']}; load {machine['load_before']:.1f} before and"
            f" {machine['load_after']:.1f} after; {machine['minutes']:.0f} minutes. Peers: {peers}.\n")


def document(path, machine, measured, wanted):
    """Replaces what is between the two markers."""
    with open(path, encoding="utf-8") as file:
        head, rest = file.read().split(BEGIN + "\n", 1)
    _, tail = rest.split(END, 1)
    aims, _ = aims_table(measured, wanted)
    body = (f"\n{about(machine)}\n## Aims\n\n{aims}\n## Rows\n{tables(measured, wanted)}\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + "\n" + body + END + tail)
