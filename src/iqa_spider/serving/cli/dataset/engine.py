"""What the commands share that run on an engine."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EngineName", "RayAddress", "Workers"]

EngineName = Annotated[str, typer.Option("--engine", help="local, or ray (Ray Data).")]
RayAddress = Annotated[
    str | None, typer.Option(help="Address of a Ray cluster; default: started here.")
]
Workers = Annotated[int, typer.Option(help="Processes.")]
