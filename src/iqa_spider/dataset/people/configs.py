"""Label Studio's project configurations: what an annotator and a rater see."""

from __future__ import annotations

from typing import Final

from iqa_spider.core import CATEGORIES, LEVELS

__all__ = ["ANNOTATION_CONFIG", "DIMENSIONS", "EXTENTS", "RATING_CONFIG"]

EXTENTS: Final = ("local", "uniform", "none")
"""Distorted in places, all over alike, or not at all."""

DIMENSIONS: Final = {
    "semantic": "Semantic consistency: do question and answer speak of what is in the picture?",
    "spatial": "Spatial consistency: are the places named the places meant (outlined, if any)?",
    "distortion": "Distortion consistency: are the distortions named the ones you see?",
    "clarity": "Linguistic clarity: is it plain, correct English?",
}
"""The four dimensions of the paper's verification, rated 1-5."""

_COLOURS: Final = (
    "#e6194b #3cb44b #ffe119 #4363d8 #f58231 #911eb4 #46f0f0 #f032e6 #bcf60c #fabebe #008080 #9a6324"
).split()


_TYPES: Final = tuple(str(category) for category in CATEGORIES)
_LEVELS: Final = tuple(str(level) for level in LEVELS)


def _labels() -> str:
    return "".join(
        f'\n      <Label value="{category}" background="{colour}"/>'
        for category, colour in zip(CATEGORIES, _COLOURS, strict=True)
    )


def _choices(values: tuple[str, ...]) -> str:
    return "".join(f'<Choice value="{value}"/>' for value in values)


ANNOTATION_CONFIG: Final = f"""\
<View>
  <Header value="Mark every distorted region with its type: brush or polygon, one type a region."/>
  <Image name="image" value="$image" zoom="true" zoomControl="true"/>
  <BrushLabels name="brush" toName="image">{_labels()}
  </BrushLabels>
  <PolygonLabels name="polygon" toName="image">{_labels()}
  </PolygonLabels>
  <Header value="How strong is the selected region's distortion, 1 faint to 5 severe?"/>
  <Rating name="severity" toName="image" perRegion="true" maxRating="5" required="true"/>
  <Header value="What is the selected region? A few words, such as: wooden fence"/>
  <TextArea name="name" toName="image" perRegion="true" maxSubmissions="1"/>
  <Header value="Where is the picture distorted?"/>
  <Choices name="extent" toName="image" choice="single" required="true">{_choices(EXTENTS)}</Choices>
  <Header value="If all over alike: which types?"/>
  <Choices name="types" toName="image" choice="multiple">{_choices(_TYPES)}</Choices>
  <Header value="If all over alike: how strong, 1 to 5?"/>
  <Rating name="strength" toName="image" maxRating="5"/>
  <Header value="Overall quality"/>
  <Choices name="level" toName="image" choice="single" required="true">{_choices(_LEVELS)}</Choices>
  <Header value="Describe the quality in one or two sentences."/>
  <TextArea name="description" toName="image" rows="3" maxSubmissions="1"/>
</View>
"""

RATING_CONFIG: Final = "\n".join(
    [
        "<View>",
        '  <Image name="image" value="$image" zoom="true" zoomControl="true"/>',
        '  <Header value="Question"/>',
        '  <Text name="question" value="$question"/>',
        '  <Header value="Answer"/>',
        '  <Text name="answer" value="$answer"/>',
        *(
            f'  <Header value="{text}"/>\n'
            f'  <Rating name="{name}" toName="image" maxRating="5" required="true"/>'
            for name, text in DIMENSIONS.items()
        ),
        "</View>",
        "",
    ]
)
