"""A real HTTP server that speaks the OpenAI protocol: with scripted replies, or with a model's."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch
from PIL import Image


@dataclass
class Reply:
    """What the server says: text, or an error status; ``delay`` seconds before it says so."""

    text: str = ""
    status: int = 200
    delay: float = 0.0
    finish: str = "stop"
    logprobs: list[dict[str, Any]] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Gauge:
    """How many replies were in the making at once at most; use as a context manager inside a script."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.now -= 1


Script = Callable[[dict[str, Any], int], Reply]
"""From the request's JSON and its number (from 0) to a reply."""


class EndpointServer:
    """Use as a context manager; ``url`` is the base URL, ``requests`` what was asked so far.

    ``vocabulary`` answers the route /tokenize, which vLLM has and others have not.
    """

    def __init__(
        self, script: Script, vocabulary: Callable[[str], list[int]] | None = None
    ) -> None:
        self.script, self.requests, self.vocabulary = script, [], vocabulary
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/tokenize"):
                    self._send(*outer.tokenize(body["prompt"]), {})
                    return
                with lock:
                    number = len(outer.requests)
                    outer.requests.append(body)
                reply = outer.script(body, number)
                time.sleep(reply.delay)
                self._send(reply.status, _payload(body, reply), reply.headers)

            def _send(self, status: int, payload: Any, headers: dict[str, str]) -> None:
                data = json.dumps(payload).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    for key, value in headers.items():
                        self.send_header(key, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client gave up waiting, as some tests want it to

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def tokenize(self, text: str) -> tuple[int, dict[str, Any]]:
        """vLLM's route beside the protocol; other servers do not have it."""
        if self.vocabulary is None:
            return 404, {"error": {"message": "no such route"}}
        return 200, {"tokens": self.vocabulary(text)}

    def __enter__(self) -> EndpointServer:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def _payload(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        return {"error": {"message": reply.text or "scripted", "type": "scripted", "code": None}}
    choice = {
        "index": 0,
        "finish_reason": reply.finish,
        "message": {"role": "assistant", "content": reply.text},
        "logprobs": None if reply.logprobs is None else {"content": reply.logprobs},
    }
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


class Engine:
    """Answers requests with the model as vLLM does (closed set), or as others do (top-k)."""

    def __init__(self, backbone, *, closed: bool, top: int = 20) -> None:
        self.backbone, self.closed, self.top = backbone, closed, top
        self.everything = np.arange(backbone.reader.model.config.get_text_config().vocab_size)

    def vocabulary(self, text):
        return self.backbone.prompt.encode(text)

    def __call__(self, body, number) -> Reply:
        picture, text = body["messages"][0]["content"]
        data = base64.b64decode(picture["image_url"]["url"].split(",", 1)[1])
        talk = self.backbone.open(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        tail = self.backbone.prompt.ask(text["text"])
        if body.get("continue_final_message"):
            tail += self.backbone.prompt.encode(body["messages"][-1]["content"])
        reader = self.backbone.reader
        made = reader.decode([talk.prefix], [tail], self.everything, body["max_tokens"])[0]
        decode = self.backbone.prompt.tokenizer.decode
        steps = []
        for token, logits in zip(made.tokens, torch.from_numpy(made.logits), strict=True):
            shares = logits.log_softmax(-1)
            wanted = body.get("logprob_token_ids") if self.closed else None
            ids = wanted or shares.topk(body["top_logprobs"]).indices.tolist()[: self.top]
            steps.append(
                {
                    "token": decode([token]),
                    "logprob": float(shares[token]),
                    "bytes": None,
                    "top_logprobs": [
                        {"token": decode([i]), "logprob": float(shares[i]), "bytes": None}
                        for i in ids
                    ],
                }
            )
        return Reply(decode(list(made.tokens)), logprobs=steps)
