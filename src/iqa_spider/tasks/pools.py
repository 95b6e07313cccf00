"""The pools themselves. Keys: task, then sub-task or extremum or order; ``free/`` holds casual wordings."""

from __future__ import annotations

from typing import Final

__all__ = ["POOLS"]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


_WORST = """
Which part of this picture has suffered the most?
Where does this picture look worst?
Tell me which region is damaged most heavily.
Show the area whose distortions add up to the most.
Of all regions, which one has been hurt most by distortion?
Point at the region in the poorest condition.
What area of the picture is in the worst shape?
Name the region that was degraded more than any other.
Which area carries the heaviest load of distortions?
Find the spot where quality drops the most.
Which region would you repair first because it is the most damaged?
Locate the area with the strongest overall degradation.
"""
_BEST = """
Which part of this picture has suffered the least?
Where does this picture look best?
Tell me which region is damaged only lightly compared with the rest.
Show the area whose distortions add up to the least.
Of all regions, which one has been hurt least by distortion?
Point at the region in the best condition.
What area of the picture is in the best shape?
Name the region that was degraded less than any other.
Which area carries the lightest load of distortions?
Find the spot where quality is kept best.
Which region needs repair the least?
Locate the area with the weakest overall degradation.
"""
_SID_MOST = """
Where is the {distortion} strongest?
Which region has the most {distortion}?
Show the area in which {distortion} is at its worst.
Find the region with the heaviest {distortion}.
Which part of the picture suffers most from {distortion}?
Point at the spot with the greatest amount of {distortion}.
In which area does {distortion} stand out the most?
Name the region whose {distortion} exceeds that of all others.
"""
_SID_LEAST = """
Where is the {distortion} weakest?
Of the regions with {distortion}, which has the least?
Show the area in which {distortion} is only slight.
Find the region with the lightest {distortion}.
Which part of the picture suffers least from {distortion}?
Point at the spot with the smallest amount of {distortion}.
In which area does {distortion} stand out the least?
Name the region whose {distortion} stays below that of all others.
"""
_FULL = """
Which region received {first} before {second}?
Find the area where {first} came first and {second} came after it.
Where was {first} applied and then {second}?
Show the region whose history is {first}, then {second}.
Name the area that went through {first} and afterwards {second}.
Which part starts with {first} and finishes with {second}?
"""
_FIRST = """
In which region was {first} the first thing applied?
Find the area whose distortions begin with {first}.
Where did the degradation start with {first}?
Show the region that had {first} put on before anything else.
Which area has {first} as its earliest distortion?
Name the part whose first step was {first}.
"""
_LAST = """
In which region was {first} the last thing applied?
Find the area whose distortions end with {first}.
Where did the degradation finish with {first}?
Show the region that had {first} put on after everything else.
Which area has {first} as its latest distortion?
Name the part whose last step was {first}.
"""
_LOCAL = """
Describe the quality of {region} in detail.
Give a careful account of how good {region} looks.
Tell me about the image quality of {region}.
How well is {region} preserved? Explain in detail.
Write a short quality report on {region}.
Go into the quality of {region} thoroughly.
I want a description of {region} that centres on its quality.
Review {region} with an eye to quality.
What can be said about the quality of {region}?
Examine {region} closely and describe its quality.
Comment at length on the visual quality of {region}.
Describe how {region} looks and how good its quality is.
Can you describe the quality of {region}?
Judge the quality of {region} and give your reasons.
Provide a full quality description for {region}.
Look at {region} and describe what affects its quality.
Could you go through the quality factors of {region}?
"""
_GLOBAL = """
Describe the quality of this picture in detail.
How good is this picture? Explain.
Give a full account of the image quality.
Write a quality report on this picture.
What affects the quality of this picture?
Go through the strengths and flaws of this picture.
Tell me all you can about the quality of the picture.
Review the picture as a whole with regard to quality.
Explain what is right and what is wrong with this picture.
Look at the entire picture and describe its quality.
Assess this photograph and give your reasons.
Which flaws does the picture have, and where?
Describe the degradations in this picture and what they do to it.
What do you think of the quality of this photo? Elaborate.
Discuss the visual quality of the image at length.
Give me a thorough critique of the image quality.
Inspect this image and describe its condition.
Summarise the quality of this picture, good sides and bad sides.
Explain how the quality of this image has been harmed.
How would a quality expert describe this picture?
Analyse the overall quality of this picture.
Comment on the quality of the whole image in detail.
What lowers the quality of this image?
Please evaluate this picture and explain your verdict.
Can you assess the quality of this picture for me?
Could you describe everything that is wrong with this image?
"""


def _referring(one: str, both: str, end_one: str, end_both: str) -> tuple[tuple[str, ...], ...]:
    """Seven questions that fix the number and seven open ones, with the request that ends them."""
    return (
        tuple(f"{line} {end_one}" for line in (*_lines(one), *_lines(_OPEN))),
        tuple(f"{line} {end_both}" for line in (*_lines(both), *_lines(_OPEN))),
    )


_ONE = """
Which single distortion hurts {region} the most?
What is the main quality problem of this picture?
Name the chief distortion in {region}.
What is the one flaw that matters most in {region}?
Tell me the dominant degradation of {region}.
Which defect of {region} catches the eye first?
What has harmed {region} more than anything else?
"""
_TWO = """
Which two distortions hurt {region} the most?
What are the two main quality problems of this picture?
Name the two chief distortions in {region}.
What are the two flaws that matter most in {region}?
Tell me the two dominant degradations of {region}.
Which two defects of {region} catch the eye first?
What two things have harmed {region} more than anything else?
"""
_OPEN = """
What distortion(s) can be seen in {region}?
Which distortion(s) were applied to {region}?
What is wrong with {region}?
Name the distortion(s) that affect {region}.
Which type(s) of degradation does {region} show?
What flaw(s) does {region} suffer from?
List the quality issue(s) of {region}.
"""
_SHORT_END = "Reply with a short phrase."
_LONG_END = "Describe the effects too."
_short = _referring(_ONE, _TWO, _SHORT_END, _SHORT_END)
_long = _referring(_ONE, _TWO, _LONG_END, _LONG_END)

POOLS: Final[dict[str, tuple[str, ...]]] = {
    "local": _lines(_LOCAL),
    "global": _lines(_GLOBAL),
    "hyd-g/most": _lines(_WORST),
    "hyd-g/least": _lines(_BEST),
    "sid-g/most": _lines(_SID_MOST),
    "sid-g/least": _lines(_SID_LEAST),
    "dao-g/full": _lines(_FULL),
    "dao-g/first": _lines(_FIRST),
    "dao-g/last": _lines(_LAST),
    "referring/single/short": _short[0],
    "referring/multi/short": _short[1],
    "referring/single/long": _long[0],
    "referring/multi/long": _long[1],
    "rating": _lines(
        """
        Rate the quality of this picture.
        How would you rate the overall quality of this image?
        Give the overall quality level of the picture.
        Is the quality of this image good or bad?
        What is the overall quality of the picture?
        Score the quality of this image.
        How high is the quality of the picture overall?
        Grade this picture.
        """
    ),
    "free/hyd-g/most": _lines(
        """
        whats the worst part?
        where is it messed up the most?
        which bit looks the most broken?
        which region is the most degraded?
        worst area?
        which area is most distorted?
        point to the lowest quality region
        where's the biggest quality problem
        what part of the image is the most damaged
        Which region has the highest level of distortion in the image?
        which object looks worst
        Identify the most severely distorted region.
        """
    ),
    "free/hyd-g/least": _lines(
        """
        whats the best part?
        where is it fine?
        which bit looks the cleanest?
        which region is the least degraded?
        best area?
        which area is least distorted?
        point to the highest quality region
        where's the smallest quality problem
        what part of the image is the least damaged
        Which region has the lowest level of distortion in the image?
        which object looks best
        Identify the region with minimal distortion.
        """
    ),
    "free/sid-g/most": _lines(
        """
        most {distortion}?
        where's the most {distortion}
        which part has the worst {distortion}?
        show me the strongest {distortion}
        Which region has the highest level of {distortion}?
        region with maximum {distortion}
        which area is affected by {distortion} the most
        is there {distortion} anywhere? where is it worst?
        find the highest intensity of {distortion}
        where do you see the most severe {distortion}?
        """
    ),
    "free/sid-g/least": _lines(
        """
        least {distortion}?
        where's the least {distortion}
        which part has the mildest {distortion}?
        show me the weakest {distortion}
        Which region has the lowest level of {distortion}?
        region with minimum {distortion}
        which area is affected by {distortion} the least
        where is the {distortion} hardly visible?
        find the lowest intensity of {distortion}
        where do you see the least severe {distortion}?
        """
    ),
    "free/dao-g/full": _lines(
        """
        {first} then {second}: where?
        where did they add {first} first and {second} second
        which bit got {first} and after that {second}?
        Which region has {first} followed by {second}?
        region with {first} first, then {second}
        find {first} followed by {second}
        where is {second} on top of {first}?
        which area had {second} added after {first}?
        what region shows the order {first}, {second}
        where was {second} applied after {first}?
        """
    ),
    "free/dao-g/first": _lines(
        """
        {first} first: where?
        where did they start with {first}
        which bit got {first} first?
        Which region has {first} added first?
        region where {first} is the initial distortion
        """
    ),
    "free/dao-g/last": _lines(
        """
        {first} last: where?
        where did they end with {first}
        which bit got {first} last?
        Which region has {first} added last?
        region where {first} is the final distortion
        """
    ),
    "free/referring/single/short": _lines(
        """
        what's wrong with {region}?
        distortions in {region}?
        what happened to {region}
        any problems with {region}?
        which distortion is in {region}? short answer please
        is {region} ok?
        what kind of distortion does {region} have?
        why does {region} look bad?
        name the artifacts in {region}
        Identify the distortions of {region}. Answer briefly.
        """
    ),
    "free/referring/single/long": _lines(
        """
        what's wrong with {region} and how does it look?
        explain the distortions in {region} and their effects
        which distortions does {region} have and what do they do to it?
        name the artifacts in {region} and describe their impact
        what happened to {region}, and what effect does it have?
        """
    ),
    "free/local": _lines(
        """
        how does {region} look?
        describe {region}
        tell me about {region}
        quality of {region}?
        how good is {region}? explain
        """
    ),
    "free/global": _lines(
        """
        how does this look?
        describe the quality
        anything wrong with this photo?
        what do you think of this picture
        tell me whats wrong with this image
        is this image distorted?
        """
    ),
}
