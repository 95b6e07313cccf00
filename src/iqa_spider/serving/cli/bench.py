"""``iqa-spider bench``: benchmarks, one subcommand each, and what is done with their runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.evaluation.bench.registry import BENCHMARKS
from iqa_spider.serving.cli import bench_ablate, bench_questions, bench_reliability, bench_report
from iqa_spider.serving.cli.options import ModelChoice, takes_model
from iqa_spider.serving.cli.trivial import BASELINES, baseline_names

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Measure a model on a benchmark; report runs.")


def run(
    name: str,
    model: Annotated[
        str, typer.Option(help="pocket, hf:ID, openai:NAME, answers:FORMAT:PATH, or a baseline.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the benchmark's data.")],
    out: Annotated[Path, typer.Option(help="Run folder; run again to go on after a kill.")],
    limit: Annotated[int | None, typer.Option(help="At most so many items, of all kinds.")] = None,
    split: Annotated[str | None, typer.Option(help="Another split than the usual one.")] = None,
    label: Annotated[str, typer.Option(help="Name in reports; default: the model's.")] = "",
    judge: Annotated[
        str, typer.Option(help="rules, openai:NAME, or scripted:FILE (lines of id and score).")
    ] = "rules",
    judge_endpoint: Annotated[
        str | None, typer.Option(help="Address of the judge, to /v1.")
    ] = None,
    judge_rounds: Annotated[int, typer.Option(help="Rounds an LMM judge is asked.")] = 5,
    judge_temperature: Annotated[float, typer.Option(help="Temperature of an LMM judge.")] = 0.0,
    judge_looks: Annotated[bool, typer.Option(help="Show the picture to the LMM judge.")] = False,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=["IQA_SPIDER_API_KEY", "OPENAI_API_KEY"], help="Key of model and judge."
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Requests under way at once.")] = 8,
    batch: Annotated[
        int, typer.Option(min=1, help="Questions that hf: and spider: models answer together.")
    ] = 8,
    closed: Annotated[
        bool, typer.Option(help="Score closed sets by the endpoint's log-probabilities too.")
    ] = False,
    baselines: Annotated[
        str, typer.Option(help="Baselines to run beside it, by commas; none leaves them out.")
    ] = BASELINES,
    seed: Annotated[int, typer.Option(help="Of the random and untrained baselines.")] = 0,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """Answer, judge and score, with the trivial baselines beside it."""
    from rich.console import Console
    from rich.progress import Progress

    from iqa_spider.evaluation.bench.session import BenchOptions, bench
    from iqa_spider.evaluation.judges import JudgeOptions
    from iqa_spider.serving.cli.bench_report import write_report

    options = BenchOptions(
        split=split,
        limit=limit,
        label=label,
        judge=judge,
        judge_options=JudgeOptions(
            judge_endpoint or choice.endpoint, api_key, judge_rounds, judge_temperature, judge_looks
        ),
        examinee=choice.examinee(concurrency=concurrency, batch=batch, closed=closed, seed=seed),
        baselines=baseline_names(baselines),
    )
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}

        def show(who: str, done: int, total: int) -> None:
            if who not in bars:
                bars[who] = progress.add_task(who, total=total)
            progress.update(bars[who], completed=done, total=total)

        found = bench(name, model, data, out, options, show)
    for who, summary in found.items():
        print(
            f"{who}: {summary.items} items, {summary.cached} were there already, "
            f"{summary.failed} failed, {summary.unparsed} unparsed"
        )
    print(f"report: {write_report([out], out / 'report')}")
    if found[model].failed:
        raise typer.Exit(2)


def _command(name: str) -> Callable[..., None]:
    """The run command of one benchmark: the options of `run` without the name."""
    from functools import wraps
    from inspect import signature

    @wraps(run)
    def command(**options: object) -> None:
        run(name, **options)  # type: ignore[arg-type]

    whole = signature(run, eval_str=True)
    parameters = [p for key, p in whole.parameters.items() if key != "name"]
    command.__signature__ = whole.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return command


for _name, _entry in BENCHMARKS.items():
    app.command(_name, help=f"{_entry.summary}\n\nExample: iqa-spider bench {_name} --model pocket "
                "--data DATA --out runs/pocket")(takes_model(_command(_name)))  # fmt: skip
app.command("report")(bench_report.report)
app.command("questions")(bench_questions.questions)
app.add_typer(bench_reliability.app, name="reliability")
app.command("ablate")(takes_model(bench_ablate.ablate))
