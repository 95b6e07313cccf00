"""Open a picture once and ask it several questions."""

from pathlib import Path

from iqa_spider import Spider

spider = Spider.load("pocket")
session = spider.open(Path(__file__).parent / "photo.jpg")
for question in (
    "Describe the quality of this picture in detail.",
    "Which region was blurred first, then compressed?",
    "Where is the noise strongest?",
):
    answer = session.ask(question)
    place = "" if answer.point is None else f"  [{answer.point.x:.0f}, {answer.point.y:.0f}]"
    print(f"{question}\n  {answer.text}{place}")
