"""The command line. Heavy imports happen inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import sys

import typer

from iqa_spider.core.errors import SpiderError
from iqa_spider.serving.cli import (
    ask,
    assess,
    batch,
    bench,
    calibrate,
    costs,
    dataset,
    distortions,
    figures,
    merge,
    models,
    train,
)
from iqa_spider.serving.cli.options import takes_model

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="What is wrong with a picture, where, and how badly.",
)
app.command("ask")(takes_model(ask.ask))
app.command("assess")(takes_model(assess.assess))
app.command("batch")(takes_model(batch.batch))
app.command("models")(takes_model(models.models))
app.command("pull")(models.pull)
app.add_typer(dataset.app, name="dataset")
app.add_typer(bench.app, name="bench")
app.command("calibrate")(calibrate.calibrate)
app.command("distortions")(distortions.distortions)
app.command("figures")(figures.figures)
app.command("costs")(takes_model(costs.costs))
app.command("train")(train.train)
app.command("merge")(merge.merge)


def main() -> None:
    """Run the command line; errors a user can mend are one line and exit code 2."""
    try:
        app(standalone_mode=True)
    except SpiderError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        from iqa_spider.serving.files import storage_error

        print(f"error: {storage_error(error, error.filename or 'output')}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
