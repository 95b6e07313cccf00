"""Options that several commands share; those of a model come as one `ModelChoice`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from iqa_spider.evaluation.examinees import ExamineeOptions
    from iqa_spider.models import Spider

__all__ = [
    "Checkpoint",
    "Json",
    "MaxMegapixels",
    "ModelChoice",
    "Temperature",
    "Threads",
    "takes_model",
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON that a script can read.")]
MaxMegapixels = Annotated[
    float, typer.Option(help="Refuse larger pictures (a small file can hold a huge one).")
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Folder with other weights of the embedded model.")
]
Temperature = Annotated[
    float | None, typer.Option(help="Temperature of text-to-point; default: chosen in training.")
]
Threads = Annotated[int | None, typer.Option(help="CPU threads; default: all cores.")]


def _model(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel="Model", **more)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model answers and how it is loaded; a field is the flag of the same name."""

    model: Annotated[
        str, _model(help="pocket, hf:PATH_OR_ID or openai:NAME; see `iqa-spider models`.")
    ] = "pocket"
    segmenter: Annotated[
        str,
        _model(help="pocket, sam:, sam2: or clipseg:PATH_OR_ID; cuts out the answer's mask."),
    ] = "pocket"
    endpoint: Annotated[
        str | None, _model(help="Base URL of the server of openai:NAME, up to /v1.")
    ] = None
    api_key: Annotated[
        str | None, _model(help="Key for that server.", envvar="IQA_SPIDER_API_KEY")
    ] = None
    dtype: Annotated[
        str, _model(help="auto, float32, float16 or bfloat16 (slow on most CPUs).")
    ] = "auto"
    device: Annotated[
        str | None, _model(help="cpu, cuda, cuda:1 ..., or auto to spread over all of them.")
    ] = None
    adapter: Annotated[
        str | None, _model(help="Folder of an adapter for hf:PATH_OR_ID, as `train` writes it.")
    ] = None
    attention: Annotated[
        str | None,
        _model(help="sdpa, eager or flash_attention_2; default: chosen by transformers."),
    ] = None
    quantize: Annotated[str | None, _model(help="4bit, to fit a large model.")] = None
    max_side: Annotated[
        int | None, _model(help="Shrink pictures to this side for hf: and openai: (hides noise!).")
    ] = None
    boxes: Annotated[
        str | None,
        _model(help="How regions are told to hf: and openai:: thousandths, pixels or fractions."),
    ] = None
    prompt_part: Annotated[
        str, _model(help="What of the answer prompts clipseg: whole, spatial or semantic.")
    ] = "semantic"
    timeout: Annotated[float, _model(help="Seconds a request to --endpoint may take.")] = 120.0
    retries: Annotated[int, _model(help="Further tries of such a request.")] = 4
    checkpoint: Annotated[
        Path | None, _model(help="Folder with other weights of the embedded model.")
    ] = None
    temperature: Annotated[
        float | None, _model(help="Temperature of text-to-point; default: chosen in training.")
    ] = None
    threads: Annotated[int | None, _model(help="CPU threads; default: all cores.")] = None

    def load(self) -> Spider:
        """Load the model; see `load_spider` for what can go wrong."""
        from iqa_spider.models import load_spider

        settings = asdict(self)
        return load_spider(settings.pop("model"), **settings)

    def examinee(self, **options: Any) -> ExamineeOptions:
        """The same for `make_examinee`; ``options`` are further fields of `ExamineeOptions`."""
        from iqa_spider.evaluation.examinees import ExamineeOptions

        loading = asdict(self)
        loading.pop("model")
        names = ("checkpoint", "temperature", "threads", "endpoint", "api_key", "segmenter")
        own = {name: loading.pop(name) for name in names}
        return ExamineeOptions(**own, **options, loading=loading)


def takes_model(command: Callable[..., None]) -> Callable[..., None]:
    """A command with a parameter ``choice: ModelChoice``, as typer wants it: one option a field.

    A field that the command declares by itself keeps the command's own declaration and reaches both.
    """
    hints = get_type_hints(ModelChoice, include_extras=True)
    own = inspect.signature(command, eval_str=True).parameters.values()
    declared = {parameter.name for parameter in own}
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(ModelChoice)
        if field.name not in declared
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        chosen = {field.name: given[field.name] for field in fields(ModelChoice)}
        kept = {name: value for name, value in given.items() if name in declared}
        command(**kept, choice=ModelChoice(**chosen))

    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "choice"]
    parameters = [*kept, *shared]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
