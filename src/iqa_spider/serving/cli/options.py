"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Checkpoint", "Json", "MaxMegapixels", "Temperature", "Threads"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON that a script can read.")]
MaxMegapixels = Annotated[
    float, typer.Option(help="Refuse larger pictures (a small file can hold a huge one).")
]
Temperature = Annotated[
    float | None, typer.Option(help="Temperature of text-to-point; default: chosen in training.")
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Folder with other weights of the same model.")
]
Threads = Annotated[int | None, typer.Option(help="CPU threads; default: all cores.")]
