"""``iqa-spider models`` and ``pull``: what is there."""

from __future__ import annotations

import json

from iqa_spider.serving.cli.options import Json

__all__ = ["models", "pull"]


def models(as_json: Json = False) -> None:
    """List the models of this installation and whether their weights are here."""
    from iqa_spider.models.build import catalog

    cards = catalog()
    if as_json:
        rows = [
            {
                "name": card.name,
                "path": str(card.path),
                "bytes": card.bytes,
                "ready": card.ready,
                "licence": card.licence,
                "summary": card.summary,
            }
            for card in cards
        ]
        print(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "here", "size", "licence", "what it is")
    for card in cards:
        here = "yes" if card.ready else "no"
        table.add_row(card.name, here, f"{card.bytes / 1e6:.0f} MB", card.licence, card.summary)
    Console().print(table)


def pull(name: str = "pocket") -> None:
    """Make sure that a model can run without a network: loads its weights and checks every key."""
    from iqa_spider.models import load_spider

    load_spider(name)
    print(f"{name}: complete; it needs no network")
