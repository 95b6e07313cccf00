"""``iqa-spider bench report``: runs as tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report", "write_report"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one benchmark.")],
    out: Annotated[
        Path, typer.Option(help="Name of the two files, .md and .html are added.")
    ] = Path("bench-report"),
) -> None:
    """Put runs beside each other, the paper's rows and the baselines: Markdown and HTML.

    Example:

        iqa-spider bench report runs/pocket runs/other --out docs/results/spider-bench
    """
    print(f"report: {write_report(runs, out)}")


def write_report(runs: Sequence[Path], out: Path) -> Path:
    """Write ``out.md`` and ``out.html``; returns the first."""
    from iqa_spider.evaluation.bench.render import to_html, to_markdown
    from iqa_spider.evaluation.bench.report import build_report
    from iqa_spider.serving.files import write_text

    found = build_report(runs)
    stem = out.with_suffix("") if out.suffix in (".md", ".html") else out
    markdown = stem.with_name(f"{stem.name}.md")
    write_text(markdown, to_markdown(found))
    write_text(stem.with_name(f"{stem.name}.html"), to_html(found))
    return markdown
