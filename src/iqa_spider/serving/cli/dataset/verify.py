"""``iqa-spider dataset verify``: people rate a share of the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.serving.cli.dataset.studio import Project, Token, Url

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="People rate a share of the samples in Label Studio.")


@app.command("sample")
def sample(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    out: Annotated[Path, typer.Option(help="Folder for config.xml and tasks.json.")],
    share: Annotated[float, typer.Option(help="Share of the samples, of every task alike.")] = 0.4,
    seed: Annotated[int, typer.Option(help="Another seed, another choice.")] = 0,
    url: Url = None,
    token: Token = None,
) -> None:
    """Choose samples and write rating tasks; with --url and --token also make the project there.

    Example:

        iqa-spider dataset verify sample spider-set --share 0.4 --out rating
    """
    from iqa_spider.dataset.check import splits_of
    from iqa_spider.dataset.load import read_samples
    from iqa_spider.dataset.people import RATING_CONFIG, choose_samples, rating_tasks
    from iqa_spider.serving.cli.dataset.studio import hand_over

    samples = [s for split in splits_of(folder) for s in read_samples(folder, split)]
    tasks = rating_tasks(folder, choose_samples(samples, share, seed))
    hand_over(out, "Verification of samples", RATING_CONFIG, tasks, url, token)


@app.command("report")
def report(
    out: Annotated[Path, typer.Option(help="Folder for report.json and the plots.")],
    ratings: Annotated[
        Path | None, typer.Option(help="Label Studio's JSON export; or --url and --project.")
    ] = None,
    url: Url = None,
    token: Token = None,
    project: Project = None,
) -> None:
    """Share of ratings of 4 or 5 on each dimension, reliability of the raters, plots.

    Example:

        iqa-spider dataset verify report --ratings export.json --out verification
    """
    import json
    from dataclasses import asdict

    from iqa_spider.dataset.people import read_ratings, report_ratings
    from iqa_spider.dataset.people.ratings import plot_ratings
    from iqa_spider.serving.cli.dataset.studio import fetch
    from iqa_spider.serving.files import write_text

    rows, where = fetch(ratings, url, token, project)
    found = report_ratings(read_ratings(rows, where))
    write_text(out / "report.json", json.dumps(asdict(found), indent=1))
    plot_ratings(found, out)
    print(f"{found.samples} samples, {found.raters} raters, {found.complete} rated by all: {out}")
    for part in found.dimensions:
        low, high = part.interval
        line = f"  {part.dimension}: {part.share:.1%} are 4 or 5 ({low:.1%} to {high:.1%})"
        if part.icc is not None and part.icc_mean is not None:
            line += ", ICC {:.2f} [{:.2f}, {:.2f}]".format(*part.icc)
            line += ", of the mean {:.2f} [{:.2f}, {:.2f}]".format(*part.icc_mean)
        print(line + (f"; no ICC: {part.note}" if part.note else ""))
