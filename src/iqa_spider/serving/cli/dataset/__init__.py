"""``iqa-spider dataset``: build the four-task set, check it, publish it. One file a command."""

from __future__ import annotations

import typer

from iqa_spider.serving.cli.dataset import (
    annotate,
    build,
    check,
    export,
    mix,
    regions,
    show,
    stats,
    verify,
    write,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Build the four-task data set, check it, publish it.")
app.command("build")(build.build)
app.command("show")(show.show)
app.command("check")(check.check)
app.command("stats")(stats.stats)
app.command("export")(export.export)
app.command("mix")(mix.mix)
app.command("write")(write.write)
app.add_typer(annotate.app, name="annotate")
app.add_typer(verify.app, name="verify")
app.command("regions")(regions.regions)
