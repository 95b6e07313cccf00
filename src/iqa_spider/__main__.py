"""``python -m iqa_spider``: ``accelerate launch -m iqa_spider train RECIPE`` trains on many processes."""

from iqa_spider.serving.cli import main

main()
