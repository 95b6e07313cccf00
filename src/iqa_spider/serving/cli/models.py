"""``iqa-spider models`` and ``pull``: what is there."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from iqa_spider.serving.cli.options import Json, ModelChoice

__all__ = ["models", "pull"]


def models(
    check: Annotated[bool, typer.Option(help="Load --model and --segmenter: every key.")] = False,
    as_json: Json = False,
    choice: ModelChoice = ModelChoice(),  # noqa: B008 (frozen)
) -> None:
    """List the models of this installation and what else can stand behind --model and --segmenter.

    Example:

        iqa-spider models --check --model hf:qwen3-vl-8b --adapter runs/lmm/adapter
    """
    from iqa_spider.models import BACKBONES, SEGMENTERS
    from iqa_spider.models.build import catalog

    cards = catalog()
    if check:
        spider = choice.load()
        print(f"{spider.backbone.name} and {spider.segmenter.name}: complete", file=sys.stderr)
    if as_json:
        print(json.dumps([{**asdict(card), "path": str(card.path)} for card in cards]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "here", "size", "licence", "what it is")
    for card in cards:
        here = "yes" if card.ready else "no"
        table.add_row(card.name, here, f"{card.bytes / 1e6:.0f} MB", card.licence, card.summary)
    kinds = Table("flag", "written", "what it is")
    for flag, rows in (("--model", BACKBONES.values()), ("--segmenter", SEGMENTERS.values())):
        for kind in rows:
            kinds.add_row(flag, kind.usage, kind.summary)
    Console().print(table, kinds)


def pull(name: str = "pocket") -> None:
    """Make sure that a model can run without a network: loads its weights and checks every key."""
    from iqa_spider.models import load_spider

    load_spider(name)
    print(f"{name}: complete; it needs no network")
