"""The client of OpenAI-compatible servers, against a real HTTP server."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from endpoint_server import EndpointServer, Reply
from PIL import Image

from iqa_spider.core import EndpointError, TextModel
from iqa_spider.models.endpoint import Endpoint, picture_url

ASK = [{"role": "user", "content": "What is wrong?"}]


def _endpoint(server: EndpointServer, **options) -> Endpoint:
    return Endpoint(server.url, "judge", **options)


def test_reply_comes_back():
    with EndpointServer(lambda body, n: Reply(body["messages"][-1]["content"].upper())) as server:
        model = _endpoint(server)
        assert isinstance(model, TextModel)
        assert model.complete(ASK) == "WHAT IS WRONG?"
        assert server.requests[0]["temperature"] == 0


@pytest.mark.parametrize("status", [429, 500])
def test_passing_faults_are_tried_again(status):
    """A server that is busy for a moment must not cost an answer."""
    script = lambda body, n: Reply("late", status=status if n == 0 else 200)  # noqa: E731
    with EndpointServer(script) as server:
        assert _endpoint(server, retries=2).complete(ASK) == "late"
        assert len(server.requests) == 2


def test_lasting_faults_name_the_server():
    with EndpointServer(lambda body, n: Reply(status=500)) as server:
        with pytest.raises(EndpointError, match=r"127\.0\.0\.1.*judge"):
            _endpoint(server, retries=1).complete(ASK)
    with pytest.raises(EndpointError):
        _endpoint(server, retries=0).complete(ASK)  # it is gone now


def test_slow_empty_and_cut_replies_are_errors():
    """Half an answer must never be scored as one."""
    with (
        EndpointServer(lambda body, n: Reply("x", delay=1.0)) as server,
        pytest.raises(EndpointError),
    ):
        _endpoint(server, retries=0, timeout=0.2).complete(ASK)
    with (
        EndpointServer(lambda body, n: Reply("  ")) as server,
        pytest.raises(EndpointError, match="empty"),
    ):
        _endpoint(server).complete(ASK)
    with EndpointServer(lambda body, n: Reply("It is", finish="length")) as server:
        with pytest.raises(EndpointError, match="cut off"):
            _endpoint(server).complete(ASK)


def test_map_keeps_order_and_bounds_the_crowd():
    script = lambda body, n: Reply(body["messages"][0]["content"], delay=0.05)  # noqa: E731
    with EndpointServer(script) as server:
        model = _endpoint(server, concurrency=4)
        asked = [str(i) for i in range(10)]
        found = model.map(lambda t: model.complete([{"role": "user", "content": t}]), asked)
        assert [(item, future.result()) for item, future in found] == [(t, t) for t in asked]


def test_pictures_travel_without_loss(picture):
    data = base64.b64decode(picture_url(picture).split(",", 1)[1])
    assert (np.asarray(Image.open(io.BytesIO(data))) == picture).all()
