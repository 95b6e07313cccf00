"""Ablations of the grounding head: recipes are checked, heads do what they say, words are shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import save_clipseg
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, Generation
from iqa_spider.evaluation.ablation.heads import GATED, HEADS, Aim, parts_of
from iqa_spider.evaluation.ablation.recipe import AblationRecipe, MixRecipe, Variant, load_recipe
from iqa_spider.evaluation.ablation.study import VariantExaminee, run_ablation
from iqa_spider.regions import decode_rle
from iqa_spider.serving.cli import app
from iqa_spider.training.run import load_recipe as load_training

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("ablate-*.yaml"))


def _aim(spider, picture, item, text, **options) -> Aim:
    generation = Generation(text, (), (text,), np.zeros((1, 4, 4), np.float32))
    return Aim(spider.open(picture), item, generation, options.get("temperature", 1.0))


@pytest.fixture(scope="module")
def asked(items):
    return [i for i in items if i.kind == "hyd-g" and i.truth["mask"]][:3]


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid(path):
    recipe = load_recipe(path)
    if isinstance(recipe, MixRecipe):
        stages = [load_training(file) for file in recipe.mixes.values()]
        assert [len(stage.data) for stage in stages] == [1, 2, 2, 3]
        assert len({stage.model_dump_json(exclude={"data", "out"}) for stage in stages}) == 1
        return
    assert next(iter(recipe.variants.values())).head == "text"
    assert {v.head for v in recipe.variants.values()} <= set(HEADS)


def test_a_wrong_recipe_names_file_and_field(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("title: x\nvariants: {a: {head: magic}}")
    with pytest.raises(ConfigError, match=r"r\.yaml: variants\.a\.head"):
        load_recipe(path)
    path.write_text("title: x\nvariants: {a: {head: text, temperature: 0}}")
    with pytest.raises(ConfigError, match=r"variants\.a\.temperature"):
        load_recipe(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_parts_of_an_answer():
    text = "The region at the top left: the large dark area, with strong blur."
    found = parts_of(text)
    assert found["spatial"] == "top left"
    assert "top" not in found["semantic"] and "large dark area" in found["semantic"]
    assert parts_of("At the top left: the dark area.")["semantic"] == "the dark area."


def test_quarter_and_oracle_points_lie_where_they_must(spider, built, asked):
    from iqa_spider.core import open_picture

    item = asked[0]
    picture = open_picture(built / item.image)
    height, width = picture.shape[:2]
    point, mask = HEADS["quarter"](_aim(spider, picture, item, "At the bottom left."))
    assert (point.x, point.y) == (0.25 * width, 0.75 * height) and mask.shape == (height, width)
    assert HEADS["quarter"](_aim(spider, picture, item, "Somewhere.")) == (None, None)
    point, _ = HEADS["oracle-point"](_aim(spider, picture, item, ""))
    assert decode_rle(item.truth["mask"])[int(point.y), int(point.x)]
    point, _ = HEADS["centre"](_aim(spider, picture, item, ""))
    assert (point.x, point.y) == (width / 2, height / 2)


@pytest.mark.parametrize("head", ["text", "probed-2", "probed-3"])
def test_a_high_temperature_draws_the_point_to_the_centre(spider, built, asked, head):
    """If the temperature did not reach the softmax (as eq. 2 is printed), the point would not move."""
    from iqa_spider.core import open_picture

    item = asked[0]
    session = spider.open(open_picture(built / item.image))
    generation = session.conversation.ask(item.question)
    far, near = (
        HEADS[head](Aim(session, item, generation, temperature))[0] for temperature in (0.2, 500.0)
    )
    assert near.x == pytest.approx(session.width / 2, abs=1)
    assert near.y == pytest.approx(session.height / 2, abs=1)
    off = abs(far.x - session.width / 2) + abs(far.y - session.height / 2)
    assert off > abs(near.x - session.width / 2) + abs(near.y - session.height / 2)


@pytest.mark.parametrize(("head", "reach"), [("text", 0.0), ("snapped", 0.1)])
def test_a_head_is_what_the_model_itself_does(spider, built, asked, head, reach):
    """The reference of the ablation must be the model that is shipped, with its reach or without."""
    from iqa_spider.core import open_picture
    from iqa_spider.models import Spider

    item = asked[0]
    variant = VariantExaminee(spider, "v", Variant(head=head), "w", {})
    reply = next(iter(variant.answer(built, [item]))).reply
    itself = Spider(spider.backbone, spider.segmenter, reach=reach)
    own = itself.open(open_picture(built / item.image)).ask(item.question, ground=True)
    assert reply.text == own.text
    assert (decode_rle(reply.mask) == own.mask).all()


def test_ablation_shares_the_words_resumes_and_makes_one_table(spider, built, asked, tmp_path):
    recipe = AblationRecipe(
        title="Heads",
        kinds=("hyd-g",),
        variants={"text": Variant(head="text"), "oracle": Variant(head="oracle-point"),
                  "named": Variant(head="named-semantic")},
    )  # fmt: skip
    seen = []
    report = run_ablation(
        recipe, spider, "w", built, tmp_path, limit=2, on_item=lambda *a: seen.append(a)
    )
    texts = [(tmp_path / name / "answers.jsonl").read_text() for name in recipe.variants]
    # What the gate made of the words follows them; the oracle, which does not listen, has none.
    words = [
        [line.split('"text": ')[1].split(', "whole_image"')[0] for line in text.splitlines()]
        for text in texts
    ]
    assert words[0] == words[1] == words[2]
    table = report.sheets[0]
    assert [row[0] for row in table.rows[:3]] == ["text", "oracle", "named"]
    assert [row[0] for row in report.sheets[2].rows] == ["oracle", "named"]
    points = {row[0]: row[1] for row in report.sheets[1].rows}
    assert points["named"] == "-" and points["oracle"].startswith("1.000")
    seen.clear()
    run_ablation(recipe, spider, "w", built, tmp_path, limit=2, on_item=lambda *a: seen.append(a))
    assert seen == []
    # What the paper found of text prompts says nothing of a table of temperatures.
    alone = recipe.model_copy(update={"variants": {"text": recipe.variants["text"]}})
    assert any("Fig. 5" in line for line in report.lines)
    assert not any(
        "Fig. 5" in line
        for line in run_ablation(alone, spider, "w", built, tmp_path, limit=2).lines
    )


class Overheard:
    """A text-prompted segmenter that keeps what it was told."""

    def __init__(self, real):
        self.real, self.name, self.heard = real, real.name, []

    def open(self, picture):
        self.session = self.real.open(picture)
        return self

    def segment_text(self, answer):
        self.heard.append(answer)
        return self.session.segment_text(answer)


def test_prompted_heads_put_the_parts_to_a_segmenter_of_words(spider, built, asked, tmp_path):
    """Fig. 5 with a real text-prompted segmenter: each part is another prompt, none makes a point."""
    from iqa_spider.core import open_picture
    from iqa_spider.models.registry import load_segmenter

    real = load_segmenter(f"clipseg:{save_clipseg(tmp_path / 'clipseg')}", prompt_part="whole")
    worded = Overheard(real)
    text = "At the top left: the large dark area, with strong blur."
    told = {asked[0].id: Generation(text, (), (text,), np.zeros((1, 4, 4), np.float32))}
    replies = []
    for head in ("prompted-whole", "prompted-spatial", "prompted-semantic"):
        variant = VariantExaminee(spider, head, Variant(head=head), "w", told, worded)
        assert variant.abilities == {"text", "mask"}
        assert variant.describe()["prompted"] == worded.name
        replies.append(next(iter(variant.answer(built, asked[:1]))).reply)
    parts = parts_of(text)
    assert worded.heard == [parts["whole"], parts["spatial"], parts["semantic"]]
    assert len(set(worded.heard)) == 3
    session = real.open(open_picture(built / asked[0].image))
    for reply, words in zip(replies, worded.heard, strict=True):
        assert (decode_rle(reply.mask) == session.segment_text(words)[0].mask).all()
    recipe = AblationRecipe(title="x", variants={"p": Variant(head="prompted-whole")})
    with pytest.raises(ConfigError, match="--prompted"):
        run_ablation(recipe, spider, "w", built, tmp_path / "out")


def test_heads_that_ignore_the_words_pass_the_gate_by():
    assert set(HEADS) - GATED == {"centre", "oracle-point", "oracle-quarter"}


def test_command_line_says_what_is_missing(tmp_path):
    found = CliRunner().invoke(
        app, ["bench", "ablate", str(tmp_path / "r.yaml"), "--data", "x", "--out", "y"]
    )
    assert isinstance(found.exception, ConfigError)
