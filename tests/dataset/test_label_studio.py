"""The client of Label Studio: its errors against a server made here, the whole round trip against a real one.

The round trip runs where LABEL_STUDIO_URL and LABEL_STUDIO_TOKEN (a personal access token) name a server.
"""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from iqa_spider.core import EndpointError
from iqa_spider.dataset.load import read_samples
from iqa_spider.dataset.people import DIMENSIONS, RATING_CONFIG, Studio, encode_brush
from iqa_spider.serving.cli import app


class _Server(BaseHTTPRequestHandler):
    """Answers as Label Studio does to a good and to a bad token."""

    seen: ClassVar[list[tuple[str, str, str]]] = []

    def log_message(self, *args):
        pass

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.seen.append((self.path, self.headers.get("Authorization", ""), body))
        status, data = 200, {}
        if self.path == "/api/token/refresh":
            good = json.loads(body)["refresh"] == "good"
            status, data = (
                (200, {"access": "short"}) if good else (401, {"detail": "Token is invalid"})
            )
        elif self.path.endswith("/import"):
            data = {"task_count": len(json.loads(body))}
        elif self.path == "/api/projects/":
            status, data = 400, {"label_config": ["broken"]}
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer


@pytest.fixture
def server():
    _Server.seen = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def test_the_token_buys_access_once_and_tasks_go_in_batches(server):
    """The refresh token itself must not travel with every request."""
    assert Studio(server, "good").add_tasks(7, [{"data": {"n": n}} for n in range(230)]) == 230
    paths = [path for path, _, _ in _Server.seen]
    assert paths == ["/api/token/refresh", *["/api/projects/7/import"] * 3]
    assert {auth for _, auth, _ in _Server.seen[1:]} == {"Bearer short"}
    assert not any("good" in body for _, _, body in _Server.seen[1:])


def test_a_wrong_token_a_refused_config_and_a_dead_server_are_named(server):
    with pytest.raises(EndpointError, match=r"401 .*personal access token"):
        Studio(server, "bad").export(1)
    with pytest.raises(EndpointError, match=r"400 .*broken"):
        Studio(server, "good").create_project("x", "<View/>")
    with pytest.raises(EndpointError, match="is Label Studio running"):
        Studio("http://127.0.0.1:9", "good", timeout=2).export(1)


URL, TOKEN = os.environ.get("LABEL_STUDIO_URL"), os.environ.get("LABEL_STUDIO_TOKEN")
real = pytest.mark.skipif(not (URL and TOKEN), reason="no Label Studio named in the environment")


def _run(*arguments):
    result = CliRunner().invoke(app, ["dataset", *map(str, arguments)])
    assert result.exit_code == 0, result.output or result.exception
    return result.stdout


@real
def test_annotation_goes_to_a_real_server_and_back(small_photos, tmp_path):
    """Config accepted, tasks shown, one annotation made through the API, exported, imported."""
    server = ("--url", URL, "--token", TOKEN)
    said = _run("annotate", "export", small_photos, "--out", tmp_path / "p", "--limit", 3, *server)
    project = int(said.split("project ")[1].split()[0])
    studio = Studio(URL, TOKEN)
    tasks = studio.tasks(project)
    assert len(tasks) == 3 and tasks[0]["data"]["image"].startswith("data:image/png")
    data = tasks[0]["data"]
    height, width = data["height"], data["width"]
    mask = np.zeros((height, width), bool)
    mask[10:50, 20:70] = True
    size = {
        "original_height": height,
        "original_width": width,
        "image_rotation": 0,
        "to_name": "image",
    }
    brush = {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["blur"]}
    studio.annotate(tasks[0]["id"], [
        {"id": "r", "from_name": "brush", "type": "brushlabels", "value": brush, **size},
        {"id": "r", "from_name": "severity", "type": "rating", "value": {"rating": 4}, **size},
        {"id": "e", "from_name": "extent", "to_name": "image", "type": "choices", "value": {"choices": ["local"]}},
        {"id": "l", "from_name": "level", "to_name": "image", "type": "choices", "value": {"choices": ["poor"]}},
    ])  # fmt: skip
    said = _run(
        "annotate", "import", small_photos, "--out", tmp_path / "set", "--project", project, *server
    )
    assert "samples of 1 photos" in said
    samples = [s for split in ("train", "test") for s in read_samples(tmp_path / "set", split)]
    assert {s.photo for s in samples} == {data["photo"]}
    assert samples[0].facts.regions[0].box == (20, 10, 70, 50)


@real
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_ratings_go_to_a_real_server_and_back(small_set, tmp_path):
    studio = Studio(URL, TOKEN)
    assert studio.create_project("config alone", RATING_CONFIG) > 0
    server = ("--url", URL, "--token", TOKEN)
    said = _run("verify", "sample", small_set, "--share", 0.05, "--out", tmp_path / "r", *server)
    project = int(said.split("project ")[1].split()[0])
    for task in studio.tasks(project):
        studio.annotate(task["id"], [
            {"id": name, "from_name": name, "to_name": "image", "type": "rating", "value": {"rating": 4}}
            for name in DIMENSIONS
        ])  # fmt: skip
    said = _run("verify", "report", "--out", tmp_path / "v", "--project", project, *server)
    assert "clarity: 100.0% are 4 or 5" in said
