"""``iqa-spider bench reliability``: does a judge mark as people do?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Compare judges with people's ratings (Table 9).")


@app.command()
def sample(
    run: Annotated[Path, typer.Argument(help="A finished run whose answers are to be rated.")],
    out: Annotated[Path, typer.Option(help="Folder for the rating tasks.")],
    count: Annotated[int, typer.Option(min=1, help="Answers a rubric.")] = 100,
    raters: Annotated[int, typer.Option(min=1, help="Tables to fill in.")] = 5,
    seed: Annotated[int, typer.Option(help="Another seed, other answers.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the run's data: copies the pictures too.")
    ] = None,
) -> None:
    """Write rating tasks: a table a rater to fill in (column score), with the judge's own rubrics.

    Example:

        iqa-spider bench reliability sample runs/pocket --data spider-set --out study
    """
    from iqa_spider.evaluation.reliability import sample_tasks, write_tasks

    tasks = sample_tasks(run, count, seed)
    write_tasks(tasks, out, data, raters)
    print(f"{len(tasks)} answers for {raters} raters: {out}")


@app.command()
def report(
    study: Annotated[Path, typer.Argument(help="Folder that `sample` wrote.")],
    ratings: Annotated[
        list[Path] | None, typer.Option(help="A rater's filled table; repeat for each rater.")
    ] = None,
    run: Annotated[
        list[Path] | None, typer.Option(help="Run of a judge on the same answers; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Name of the files, .md and .html are added.")] = Path(
        "reliability"
    ),
) -> None:
    """ICC, SRCC and PLCC with intervals: people among themselves, judges and people, judges.

    Example:

        iqa-spider bench reliability report study --ratings study/ratings-1.csv
        --ratings study/ratings-2.csv --run runs/pocket --out docs/results/reliability
    """
    from iqa_spider.evaluation.bench.render import to_html, to_markdown
    from iqa_spider.evaluation.reliability import build_study
    from iqa_spider.serving.files import write_text

    found = build_study(study, ratings or [], run or [])
    write_text(out.with_name(f"{out.name}.md"), to_markdown(found))
    write_text(out.with_name(f"{out.name}.html"), to_html(found))
    print(to_markdown(found))
