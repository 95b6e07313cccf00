"""``iqa-spider dataset mix``: hybrid training sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["mix"]


def mix(
    parts: Annotated[Path, typer.Argument(help="YAML: part -> paths, weight, cap.")],
    out: Annotated[Path, typer.Option(help="JSON file of LLaVA conversations.")],
    setting: Annotated[
        str, typer.Option(help="ours, ours+q-instruct, ours+dq-495k or all (Table 4).")
    ] = "all",
    seed: Annotated[int, typer.Option(help="Another seed, another draw.")] = 0,
) -> None:
    """Mix our training samples with parts of Q-Instruct and DQ-495K.

    Example:

        iqa-spider dataset mix mix.yaml --setting all --out hybrid.json
    """
    from iqa_spider.dataset.mix import load_mix, mix_rows, write_mix

    rows, summary = mix_rows(load_mix(parts), setting, seed=seed)
    write_mix(rows, out)
    print(f"{len(rows)} conversations: {out}")
    for name, taken in summary.taken.items():
        left = summary.left_out[name]
        note = f", {left} left out (they need a second picture)" if left else ""
        print(f"  {name}: {taken} of {summary.available[name]}{note}")
