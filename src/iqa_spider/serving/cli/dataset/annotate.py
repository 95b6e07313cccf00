"""``iqa-spider dataset annotate``: authentic photos, marked by people in Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from iqa_spider.core import DatasetError
from iqa_spider.serving.cli.dataset.engine import EngineName, RayAddress, Workers
from iqa_spider.serving.cli.dataset.studio import Project, Token, Url

__all__ = ["app"]

MOST_NAMED = 20
"""Incomplete annotations that an error names; the rest are counted."""

app = typer.Typer(no_args_is_help=True, help="Authentic photos, marked by people in Label Studio.")


@app.command("export")
def export(
    photos: Annotated[Path, typer.Argument(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Folder for config.xml and tasks.json.")],
    prefix: Annotated[
        str | None,
        typer.Option(help="Name pictures by this address + file name instead of sending them."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many photos.")] = None,
    url: Url = None,
    token: Token = None,
    workers: Workers = 1,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
) -> None:
    """Write a project's config and tasks; with --url and --token also make the project there.

    Example:

        iqa-spider dataset annotate export photos --out project
    """
    from iqa_spider.dataset.engines import engine_named
    from iqa_spider.dataset.people import ANNOTATION_CONFIG, annotation_tasks
    from iqa_spider.dataset.sources import find_photos
    from iqa_spider.serving.cli.dataset.studio import hand_over

    tasks = annotation_tasks(
        find_photos(photos)[:limit],
        prefix=prefix,
        engine=engine_named(engine, workers, ray_address),
    )
    hand_over(out, "Distortions of photos", ANNOTATION_CONFIG, tasks, url, token)


@app.command("import")
def import_(
    photos: Annotated[Path, typer.Argument(help="The folder of photos that was exported.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set.")],
    annotations: Annotated[
        Path | None, typer.Option(help="Label Studio's JSON export; or --url and --project.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other wordings.")] = 0,
    url: Url = None,
    token: Token = None,
    project: Project = None,
    skip_broken: Annotated[
        bool, typer.Option(help="Leave incomplete annotations out and name them.")
    ] = False,
    workers: Workers = 1,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
) -> None:
    """Read annotations back into a data set and report where annotators disagree.

    Incomplete annotations stop it, all of them named at once, unless --skip-broken leaves them out.

    Example:

        iqa-spider dataset annotate import photos --annotations export.json --out authentic-set
    """
    from iqa_spider.dataset.engines import engine_named
    from iqa_spider.dataset.people import import_annotations, read_annotations
    from iqa_spider.dataset.sources import find_photos
    from iqa_spider.serving.cli.dataset.studio import fetch

    rows, where = fetch(annotations, url, token, project)
    broken: list[str] = []
    found = list(read_annotations(rows, where, on_broken=broken.append))
    if broken and not skip_broken:
        mend = "mend them in Label Studio, or leave them out with --skip-broken"
        raise DatasetError(
            "\n".join([*broken[:MOST_NAMED], f"{len(broken)} annotations are incomplete: {mend}"])
        )
    summary = import_annotations(
        found,
        find_photos(photos),
        out,
        seed=seed,
        engine=engine_named(engine, workers, ray_address),
    )
    agreement = summary.agreement
    print(f"{summary.samples} samples of {summary.photos} photos, {len(found)} annotations: {out}")
    for line in broken:
        print(f"  left out: {line}")
    print(f"  in the annotators' own words: {summary.described}")
    for photo, reason in summary.contradicting:
        print(f"  {photo}: the description was not used: {reason}")
    if agreement.pairs:
        print(f"  {agreement.shared} photos seen by more than one person, {agreement.pairs} pairs:")
        print(f"  same extent {agreement.extent:.2f}, IoU {agreement.iou:.2f}, ", end="")
        print(f"level within one {agreement.level:.2f}; least agreed on:")
        for photo, score in agreement.worst[:5]:
            print(f"    {photo}: {score:.2f}")
