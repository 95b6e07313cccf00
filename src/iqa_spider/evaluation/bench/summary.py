"""``summary.json``: the figures of a run and its counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from iqa_spider.evaluation.bench.runs import Run
from iqa_spider.evaluation.bench.settings import RunPlan
from iqa_spider.evaluation.store import write_json

__all__ = ["summarise"]


def summarise(plan: RunPlan, run: Run) -> None:
    """Write it from the scores; each metric tells direction, range and what was left out."""
    metrics = {}
    for metric in plan.benchmark.metrics:
        found = run.estimate(metric)
        reasons = Counter(i.unscored[metric.name] for i in run.items if metric.name in i.unscored)
        if found.items or reasons:
            row = {k: None if v != v else round(v, 6) for k, v in asdict(found).items()}
            metrics[metric.name] = {
                **row,
                "direction": str(metric.direction),
                "range": list(metric.range),
                "unscored": dict(sorted(reasons.items())),
            }
    unparsed = Counter(item.kind for item in run.items if item.unparsed is not None)
    counts = {
        "items": len(run.items),
        "photos": len({item.photo for item in run.items}),
        "failed": sum(item.error is not None for item in run.items),
        "unparsed": dict(sorted(unparsed.items())),
        "kinds": dict(sorted(Counter(item.kind for item in run.items).items())),
    }
    write_json(plan.out / "summary.json", {"counts": counts, "metrics": metrics})
