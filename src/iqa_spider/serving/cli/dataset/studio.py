"""What the commands that speak to Label Studio share: files alone, or a running server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from iqa_spider.core.errors import ConfigError

__all__ = ["Project", "Token", "Url", "fetch", "hand_over"]

Url = Annotated[str | None, typer.Option(help="Address of a running Label Studio.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="LABEL_STUDIO_TOKEN", help="Personal access token (Account & Settings)."),
]
Project = Annotated[int | None, typer.Option(help="Number of the project at --url.")]


def hand_over(
    out: Path,
    title: str,
    config: str,
    tasks: Sequence[dict[str, Any]],
    url: str | None,
    token: str | None,
) -> None:
    """Write ``config.xml`` and ``tasks.json``; with a server also make the project and send the tasks."""
    from iqa_spider.dataset.people import Studio
    from iqa_spider.serving.files import write_text

    write_text(out / "config.xml", config)
    write_text(out / "tasks.json", json.dumps(list(tasks)))
    print(f"{len(tasks)} tasks: {out}")
    if url is None:
        print("  in Label Studio: new project, paste config.xml as code, import tasks.json")
        return
    studio = Studio(url, _token(token))
    project = studio.create_project(title, config)
    print(f"  project {project} at {url}: {studio.add_tasks(project, tasks)} tasks")


def fetch(
    path: Path | None, url: str | None, token: str | None, project: int | None
) -> tuple[list[dict[str, Any]], str]:
    """Rows of an export, from a file or a server, and their name for messages."""
    from iqa_spider.dataset.people import Studio
    from iqa_spider.dataset.people.annotations import read_export

    if path is not None:
        return read_export(path), str(path)
    if url is None or project is None:
        raise ConfigError("name the export: a JSON file, or --url with --project and --token")
    return Studio(url, _token(token)).export(project), f"{url} project {project}"


def _token(token: str | None) -> str:
    if not token:
        raise ConfigError("--token: a server wants a personal access token (Account & Settings)")
    return token
