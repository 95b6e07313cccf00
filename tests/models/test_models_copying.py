"""What was seen must be at hand for copying: words, order, tails, and only what is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from iqa_spider.core import CATEGORIES, Category, Finding, SubTask, Task
from iqa_spider.models.build import weights_folder
from iqa_spider.models.copying import (
    SLOTS,
    alone,
    findings_seen,
    looks_uniform,
    said_before,
    slot_tokens,
    turn,
)
from iqa_spider.models.language import load_language
from iqa_spider.models.tokens import RegionView
from iqa_spider.tasks import Route, parse_answer


def view(kind="region", x=0.5, y=0.5, looks=("area",), **found):
    """A view in which categories are present with (severity, last)."""
    presence, severity, last = (np.zeros(12, np.float32) for _ in range(3))
    for name, (strength, late) in found.items():
        index = CATEGORIES.index(Category(name))
        presence[index], severity[index], last[index] = 0.9, strength, late
    return RegionView(
        presence, severity, last, 0.8, x, y, 0.1, 0.3, 0.3, (0, 0, 0), tuple(looks), kind
    )


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(weights_folder() / "tokenizer.json"))


def words(tokenizer, views):
    """Slots of each view as text: ``[5][13]``."""
    table = slot_tokens(tokenizer, views)
    assert table.shape[0] == SLOTS
    told = [[tokenizer.decode([t]).strip() for t in row if t >= 0] for row in table]
    return [told[start : start + 13] for start in range(0, SLOTS, 13)]


def test_findings_come_in_the_order_of_application():
    """The question "blurred first, then compressed?" is answered wrongly if order is lost."""
    seen = view(compression=(4.4, 0.9), blur=(1.6, 0.1))
    assert findings_seen(seen) == (Finding(Category.BLUR, 2), Finding(Category.COMPRESSION, 4))
    assert findings_seen(view()) == ()


def test_a_second_finding_is_offered_from_less_evidence(tokenizer):
    """ "Strong compression, then strong compression": what the layers wrote with nothing else to copy."""
    seen = view("asked", compression=(4.0, 0.5), noise=(1.0, 0.1))
    seen.presence[CATEGORIES.index(Category.NOISE)] = 0.3
    slots = words(tokenizer, [view("global"), seen])[1]
    assert "compression" in slots[1]
    assert "noise" in slots[4]
    assert len(findings_seen(seen)) == 1
    assert words(tokenizer, [view("global"), view("asked", blur=(4.0, 0.5))])[1][4] == []
    seen.presence[CATEGORIES.index(Category.NOISE)] = 0.2
    assert words(tokenizer, [view("global"), seen])[1][4] == []


def test_behind_the_only_finding_comes_no_link_to_a_second(tokenizer):
    """ "Pixelation and noise" for every mosaic: the layers finish the pairs that they know."""
    one = slot_tokens(tokenizer, [view("global"), view("asked", pixelate=(4.0, 0.5))])
    assert alone(one, "Pixelation") and alone(one, "The red area shows strong pixelation")
    assert not alone(one, "Strong") and not alone(
        one, "Strong pixelation: blocks, as of pixelation"
    )
    two = view("asked", pixelate=(4.0, 0.5), noise=(2.0, 0.9))
    assert not alone(slot_tokens(tokenizer, [view("global"), two]), "Pixelation")
    # Of a whole picture the overall view decides, of its regions the one whose sentence it is.
    whole = [
        view("global", noise=(3.0, 0.5)),
        view("region", x=0.2, noise=(2.0, 0.1), blur=(2.0, 0.9)),
    ]
    slots = slot_tokens(tokenizer, whole)
    assert alone(slots, "Its level is poor. The whole image shows moderate noise")
    assert not alone(slots, "Its level is poor. The area at the top left shows mild noise")


@pytest.mark.parametrize("category", ["pixelate", "compression", "noise", "contrast weaken"])
@pytest.mark.parametrize("subtask", [SubTask.SHORT, SubTask.LONG])
def test_a_distortion_that_was_seen_alone_is_told_alone(category, subtask):
    """The shipped layers were taught by pairs in three of four regions, and users' pictures are not."""
    model = load_language(weights_folder())
    seen = {category: (3.0, 0.5)}
    views = [view(kind, looks=("grey", "area"), **seen) for kind in ("global", "region", "asked")]
    text = model.generate(model.prompt(Route(Task.REFERRING, subtask), views), 60).text
    assert parse_answer(text).categories == (Category(category),)


def test_each_sentence_of_a_description_has_its_own_region(tokenizer):
    """Words of the worst region in a sentence on the next one name a place that is clean."""
    regions = [view(x=0.2, noise=(5.0, 0.5)), view(x=0.8, blur=(2.0, 0.5))]
    slots = slot_tokens(tokenizer, [view("global"), *regions])
    heads = [turn(slots, text).reshape(5, 13, -1)[2, 0, 0] for text in ("", "Fair. ", "Fair. A. ")]
    said = [tokenizer.decode([int(i)]).strip() for i in heads]
    assert said == ["severe", "severe", "mild"]
    marked = slot_tokens(tokenizer, [view("global"), *regions, view("asked")])
    assert (turn(marked, "Fair. A. ") == marked).all()


def test_a_pair_is_of_two_categories():
    """ "Moderate compression, then moderate compression" tells nothing and looks broken."""
    assert (
        said_before("The area shows mild blur. Moderate compression, then strong") == "compression"
    )
    assert (
        said_before("The blurry area at the left: the red area, with mild noise, then mild")
        == "noise"
    )
    assert said_before("Moderate compression, then strong noise") is None
    assert said_before("Moderate compression, then") is None
    assert said_before("") is None


def test_a_marked_region_offers_its_words_but_not_its_place(tokenizer):
    """A copied term would be a certain one, and the point would jump to a corner."""
    marked = view("asked", 0.9, 0.9, ("large", "grey", "area"), blur=(5.0, 0.5))
    slots = words(tokenizer, [view("global"), marked])[1]
    assert "severe" in slots[0]
    assert [s[0] for s in slots[6:9]] == ["large", "grey", "area"]
    assert slots[9] == slots[10] == slots[11] == []


def test_the_worst_regions_are_told_once_and_in_order(tokenizer):
    """A description that names one patch three times hides the two others."""
    twice = [view(x=0.2, noise=(5.0, 0.5)), view(x=0.25, noise=(4.0, 0.5))]
    slots = words(tokenizer, [view("global"), *twice, view(x=0.8, blur=(2.0, 0.5)), view()])
    assert "noise" in slots[2][1]
    assert "left" in slots[2][11]
    assert "ur" in slots[3][2]  # the tail of "blur"
    assert slots[4] == [[] for _ in range(13)]


def test_alike_regions_offer_the_whole_image(tokenizer):
    """A uniform picture must be called so, and one bad region must not make a picture uniform."""
    alike = [view(noise=(3.0, 0.5)), view(noise=(3.2, 0.5))]
    assert looks_uniform(alike)
    assert "whole" in words(tokenizer, [view("global"), *alike])[0][11]
    assert looks_uniform([view(), view()])
    assert not looks_uniform([*alike, view()])
    assert words(tokenizer, [view("global"), *alike, view()])[0][11] == []


def test_an_open_gate_raises_the_words_at_its_slot_alone():
    model = load_language(weights_folder())
    marked = view("asked", looks=("small", "pink", "area"), noise=(3.0, 0.5))
    prompt = model.prompt(Route(Task.REFERRING, SubTask.SHORT), [view("global"), marked])
    slots = torch.from_numpy(prompt.slots)[None]
    hidden = torch.zeros(1, model.settings["hidden_size"])
    with torch.no_grad():
        model.copy.weight.zero_()
        model.copy.bias.zero_()
        before = model.logits(hidden, slots)
        model.copy.bias[13] = 2.0  # the marked region's first severity
        gain = (model.logits(hidden, slots) - before)[0]
    raised = {model.tokenizer.decode([int(i)]).strip() for i in gain.nonzero()}
    assert raised == {"moderate", "Mod"}
    assert float(gain.max()) == pytest.approx(2.0)
