"""Croissant metadata of a Parquet export, so that data set search engines and loaders understand it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iqa_spider.core import DatasetError, MissingExtraError
from iqa_spider.dataset.files import replace_file
from iqa_spider.dataset.release.card import Publication

__all__ = ["validate_croissant", "write_croissant"]

_TEXT = {
    "id": "Id of the sample.",
    "photo": "Id of the pristine photo; splits go by it.",
    "task": "global, local, grounding or referring.",
    "subtask": "hyd-g, sid-g, dao-g, short or long; empty for the other tasks.",
    "question": "The question.",
    "answer": "The answer, written from the facts.",
    "facts": "What is true of the sample, as JSON.",
    "source": "synthetic or authentic.",
}


def _mlcroissant() -> Any:
    try:
        import mlcroissant
    except ImportError as error:
        raise MissingExtraError("Croissant metadata", "data") from error
    return mlcroissant


def write_croissant(out: Path, about: Publication) -> Path:
    """Describe the Parquet files under ``out`` in ``out/croissant.json``.

    Raises:
        DatasetError: there are none.
    """
    mlc = _mlcroissant()
    files = sorted(out.glob("*/*.parquet"))
    if not files:
        raise DatasetError(f"{out}: holds no Parquet files; export with --format parquet first")
    metadata = mlc.Metadata(
        name=about.name,
        description=about.description,
        license=[about.licence],
        url=about.url,
        version=about.version,
        cite_as=about.citation,
        creators=[mlc.Organization(name=about.creator, url=about.url)],
        date_published=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        distribution=[_file(mlc, out, path) for path in files],
        record_sets=[_records(mlc, out, path) for path in files],
        data_limitations=list(about.limits),
    )
    path = out / "croissant.json"
    text = json.dumps(metadata.to_json(), indent=1, default=str, ensure_ascii=False)
    replace_file(path, text.encode())
    return path


def _name(out: Path, path: Path) -> str:
    return str(path.relative_to(out)).replace("\\", "/").replace("/", "-")


def _file(mlc: Any, out: Path, path: Path) -> Any:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return mlc.FileObject(
        id=_name(out, path),
        name=_name(out, path),
        content_url=str(path.relative_to(out)),
        content_size=f"{path.stat().st_size} B",
        encoding_formats=["application/x-parquet"],
        sha256=digest.hexdigest(),
    )


def _records(mlc: Any, out: Path, path: Path) -> Any:
    key = _name(out, path).removesuffix(".parquet")

    def field(column: str, description: str, kind: Any, **extract: Any) -> Any:
        source = mlc.Source(
            file_object=_name(out, path), extract=mlc.Extract(column=column), **extract
        )
        return mlc.Field(
            id=f"{key}/{column}",
            name=column,
            description=description,
            data_types=[kind],
            source=source,
        )

    fields = [field(name, text, mlc.DataType.TEXT) for name, text in _TEXT.items()]
    picture = mlc.Transform(json_path="bytes")
    image = field("image", "The picture, PNG.", mlc.DataType.IMAGE_OBJECT, transforms=[picture])
    text = f"Samples of {path.parent.name}, split {path.name.split('-')[0]}."
    return mlc.RecordSet(id=key, name=key, description=text, fields=[*fields, image])


def validate_croissant(path: Path) -> list[str]:
    """Let mlcroissant read the file: returns its warnings.

    Raises:
        DatasetError: it is not valid; carries mlcroissant's own words.
    """
    mlc = _mlcroissant()
    try:
        dataset = mlc.Dataset(jsonld=path)
    except mlc.ValidationError as error:
        raise DatasetError(f"{path}: {error}") from error
    return [str(warning) for warning in dataset.metadata.ctx.issues.warnings]
