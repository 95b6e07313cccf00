"""Reports as Markdown and as one HTML page that needs no other file."""

from __future__ import annotations

from typing import Final

from iqa_spider.evaluation.bench.sheets import Report, Sheet

__all__ = ["to_html", "to_markdown"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sheet(sheet: Sheet) -> list[str]:
    lines = [f"## {sheet.title}", "", "| " + " | ".join(map(_cell, sheet.header)) + " |"]
    lines.append("|" + "---|" * len(sheet.header))
    for number, row in enumerate(sheet.rows):
        cells = [_cell(cell) for cell in row]
        if number in sheet.marked:
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *([sheet.note, ""] if sheet.note else [])]


def to_markdown(report: Report) -> str:
    """One file; the same report gives the same bytes."""
    lines = [f"# {report.title}", ""]
    lines += [f"- {line}" for line in report.lines] + [""]
    for sheet in report.sheets:
        lines += _sheet(sheet)
    return "\n".join(lines).rstrip() + "\n"


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ report.title }}</title>
<style>
:root { color-scheme: light dark; --line: #8884; --ours: #3b82f622; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
td:last-child { white-space: normal; }
tr.ours { background: var(--ours); font-weight: 600; }
.note { max-width: 60rem; opacity: .8; }
</style>
</head>
<body>
<h1>{{ report.title }}</h1>
<ul>{% for line in report.lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% for sheet in report.sheets %}
<section>
<h2>{{ sheet.title }}</h2>
<div class="scroll" tabindex="0"><table>
<thead><tr>{% for cell in sheet.header %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in sheet.rows -%}
<tr{% if loop.index0 in sheet.marked %} class="ours"{% endif %}>
{%- for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor -%}
</tbody>
</table></div>
{% if sheet.note %}<p class="note">{{ sheet.note }}</p>{% endif %}
</section>
{% endfor %}
</body>
</html>
"""


def to_html(report: Report) -> str:
    """A page; everything that comes from runs is escaped."""
    from jinja2 import Environment

    page = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)
    return page.render(report=report) + "\n"
