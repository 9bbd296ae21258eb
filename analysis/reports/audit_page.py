"""The page of an audit: one HTML file, self-contained, with tables and figures beside it."""

import base64
import csv
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from biocredit.analysis.metrics.audited import Audit, write_csv
from biocredit.analysis.plots.plasticity import VERDICTS, audit_table, plasticity_wiring
from biocredit.analysis.reports.bibliography import cite
from biocredit.analysis.reports.writing import STYLE, png

Claims = Mapping[tuple[str, str], tuple[str, str]]
"""Published verdict and its source by rule and property."""


def read_claims(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Read published verdicts: columns rule, property, verdict, citation, where."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["rule"], row["property"]): (row["verdict"], f"{row['citation']}, {row['where']}") for row in rows}


def compared(audits: Sequence[Audit], claims: Claims) -> list[tuple[str, str, str, str, str, str]]:
    """List rule, property, measured verdict, published verdict, what was measured, source, where both are there."""
    rows = []
    for one in audits:
        for name, found in one.properties.items():
            said, source = claims.get((one.rule, name), ("", ""))
            if said and found.verdict != "not measured":
                number = f"{found.value:.3g}: " if np.isfinite(found.value) else ""
                rows.append((one.rule, name, found.verdict, said, f"{number}{found.how}", source))
    return rows


def write_audit(audits: Sequence[Audit], claims: Claims, folder: str | Path, array: str | None = None) -> Path:
    """Write ``audit.html``, ``dependences.csv``, ``properties.csv`` and the figures into a folder.

    Parameters
    ----------
    audits
        Of one or more rules.
    claims
        Published verdicts.
    folder
        Made where it is not there.
    array
        Plastic array whose synapse is drawn; of every rule the one that needs most by default.

    Returns
    -------
    Path
        The page.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "dependences.csv", audits)
    _properties(folder / "properties.csv", audits, claims)
    images = {"The matrix of rules and properties": png(audit_table(audits))}
    (folder / "audit_table.png").write_bytes(images["The matrix of rules and properties"])
    for one in audits:
        image = png(plasticity_wiring(one, array if array in one.arrays else None))
        (folder / f"synapse_{_file(one.rule)}.png").write_bytes(image)
        images[one.rule] = image
    page = folder / "audit.html"
    page.write_text(_page(audits, claims, images), encoding="utf-8")
    return page


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)


def _properties(path: Path, audits: Sequence[Audit], claims: Claims) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("rule", "circuit", "property", "verdict", "value", "how", "published", "source"))
        for one in audits:
            for row in one.rows():
                said = claims.get((one.rule, str(row["property"])), ("", ""))
                writer.writerow([*row.values(), *said])


def _page(audits: Sequence[Audit], claims: Claims, images: Mapping[str, bytes]) -> str:
    parts = ["<h1>Biological plausibility, measured</h1>", f"<p>{HOW}</p>"]
    differ = [row for row in compared(audits, claims) if row[2] != row[3]]
    for name, image in images.items():
        picture = f'<img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(image).decode()}">'
        parts += [f"<h2>{escape(name)}</h2>", f"<figure>{picture}</figure>"]
        parts += [_of_rule(one, claims) for one in audits if one.rule == name]
    head = ("rule", "property", "measured", "published", "the number", "source")
    parts.insert(2, "<h2>Measured otherwise than published</h2>" + _table([head, *differ]) if differ else "")
    known = [one.citation for one in audits if one.citation]
    parts += ["<h2>Cite</h2>", f"<pre>{escape(cite(*known))}</pre>" if known else ""]
    style = f"{STYLE}th,figure img{{cursor:auto}}" + "".join(
        f".{name.replace(' ', '-')}{{background:{VERDICTS[name]}}}" for name in VERDICTS
    )
    return "\n".join([f"{HEAD}<title>Audit</title>", f"<style>{style}</style>", *parts, ""])


HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
HOW = (
    "Every signal of a circuit is clamped to the value of a free run; then one at a time is disturbed, as a whole and "
    "unit by unit. What moves depends on it directly. Verdicts follow from these dependences, each with its number."
)


def _of_rule(audit: Audit, claims: Claims) -> str:
    rows = [("property", "measured", "value", "how", "published")]
    for name, one in audit.properties.items():
        value = f"{one.value:.3g}" if np.isfinite(one.value) else ""
        rows.append((name, one.verdict, value, one.how, claims.get((audit.rule, name), ("", ""))[0]))
    needs = [("plastic array", "depends on", "phase", "place", "when", "strength", "")]
    for row in audit.dependences:
        needs.append((row.of, row.on, row.phase, row.place, " ".join(row.times), f"{row.strength:.2g}", row.note))
    lines = [f"measured, not declared: {one}" for one in audit.undeclared]
    lines += [f"declared, not measured: {one}" for one in audit.unused]
    told = (
        "".join(f'<p class="note">{escape(line)}</p>' for line in lines) or "<p>What it declares is what it uses.</p>"
    )
    return told + _table(rows) + f"<details><summary>every dependence</summary>{_table(needs)}</details>"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = ("".join(f'<td class="{escape(c).replace(" ", "-")}">{escape(c)}</td>' for c in row) for row in body)
    return f"<table><tr>{cells}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
