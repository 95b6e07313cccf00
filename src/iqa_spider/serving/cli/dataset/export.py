"""``iqa-spider dataset export``: publish a built set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_spider.serving.cli.dataset.engine import EngineName, RayAddress, Workers

if TYPE_CHECKING:
    from iqa_spider.dataset.engines import Engine
    from iqa_spider.dataset.release import Publication

__all__ = ["export"]


def export(
    folder: Annotated[Path, typer.Argument(help="A built data set.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    format: Annotated[
        str, typer.Option(help="parquet (with card and Croissant), llava, sharegpt, swift or coco.")
    ] = "parquet",
    subset: Annotated[
        str | None, typer.Option(help="instruction or grounding; conversations only.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Rows of a Parquet file.")] = 1000,
    name: Annotated[str, typer.Option(help="Name on the card.")] = "iqa-spider",
    licence: Annotated[str, typer.Option(help="Licence on the card.")] = "other",
    photos: Annotated[
        str, typer.Option(help="Where the photos come from, for the card.")
    ] = "not stated",
    workers: Workers = 1,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
) -> None:
    """Write Parquet with pictures and masks inside, conversations for fine-tuning, or COCO.

    Example:

        iqa-spider dataset export spider-set --out release --photos "KADIS-700K"
    """
    from iqa_spider.core import ConfigError
    from iqa_spider.dataset.engines import engine_named

    runner = engine_named(engine, workers, ray_address)
    out.mkdir(parents=True, exist_ok=True)
    if format == "parquet":
        if subset is not None:
            raise ConfigError("--subset: Parquet always holds both subsets, as two configurations")
        from iqa_spider.dataset.release import Publication

        about = Publication(name=name, licence=licence, photos=photos)
        _parquet(folder, out, rows, about, runner)
        return
    from iqa_spider.dataset.release import export_coco, export_conversations

    if format == "coco":
        written = export_coco(folder, out, engine=runner)
    else:
        written = export_conversations(folder, out, format, subset=subset, engine=runner)
        print(f"paths of pictures are relative to {folder}: name it as the media folder")
    for part, count in written.items():
        print(f"  {part}: {count}")


def _parquet(folder: Path, out: Path, rows: int, about: Publication, runner: Engine) -> None:
    from iqa_spider.dataset.check import check_dataset
    from iqa_spider.dataset.release import (
        count_samples,
        export_parquet,
        validate_croissant,
        write_card,
        write_croissant,
    )

    report = check_dataset(folder)
    found = ", ".join(f"{count} {kind}" for kind, count in report.kinds.items()) or "nothing"
    checked = (
        f"`dataset check` looked at {report.samples} samples without the photos and found {found}."
    )
    files = export_parquet(folder, out, rows=rows, engine=runner)
    counts = count_samples(folder)
    write_card(folder, out, counts, about, checked)
    warnings = validate_croissant(write_croissant(out, about))
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {size:.1f} MB: {out}")
    print(counts.table())
    print(f"{checked}\ncroissant.json is valid" + "".join(f"; {text}" for text in warnings))
