"""The trivial baselines beside a run: they follow its items, and none may know the answer it is to guess."""

from __future__ import annotations

import time
from dataclasses import replace

from iqa_spider.evaluation.bench.session import BenchOptions, bench
from iqa_spider.evaluation.examinees.trivial import Random

BESIDE = ("majority", "random")


def _files(folder):
    paths = (p for p in folder.rglob("*") if p.is_file() and p.name != "timing.jsonl")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def test_a_larger_limit_begins_the_baselines_again(built, tmp_path):
    """Majority and random follow the items: a run that is extended would stop at them, or keep stale answers."""
    for limit in (5, 30):
        options = BenchOptions(limit=limit, baselines=BESIDE)
        bench("spider-bench", "full-mask", built, tmp_path / "grown", options)
    bench("spider-bench", "full-mask", built, tmp_path / "fresh", options)
    assert _files(tmp_path / "grown") == _files(tmp_path / "fresh")


def test_random_never_gives_the_answer_of_the_item_itself(items, built):
    """With one photo, or one item of a kind, its "other answer" would be the truth: an IoU of 1 by chance."""
    photo = [item for item in items if item.photo == items[0].photo]
    wanted = next(item for item in photo if item.truth["mask"] is not None)
    (alone,) = Random([wanted]).answer(built, [wanted])
    assert alone.reply.text == "" and alone.reply.mask is None
    kinds = {item.id: item.kind for item in photo}
    for found in Random(photo).answer(built, photo):
        others = [
            i.reference for i in photo if i.kind == kinds[found.item.id] and i.id != found.item.id
        ]
        assert found.reply.text in (others or [""])


def test_random_finds_its_other_answer_quickly_among_ten_thousand(items, built):
    """Looking through all items for each of them took longer than scoring KADID-10K."""
    item = next(item for item in items if item.truth["mask"] is None)
    many = [replace(item, id=str(n), photo=str(n // 125)) for n in range(10_000)]
    start = time.process_time()
    found = list(Random(many).answer(built, many))
    assert len(found) == 10_000
    assert time.process_time() - start < 8
