"""A running Label Studio, through its HTTP API with a personal access token.

The token (Account & Settings) is a refresh token: it buys short-lived access tokens, and is itself never
sent with other requests.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from iqa_spider.core import EndpointError

__all__ = ["Studio"]

BATCH = 100
"""Tasks sent at once: each carries its picture."""


class Studio:
    """One server, one person's token."""

    def __init__(self, url: str, token: str, *, timeout: float = 60.0) -> None:
        self.url, self.timeout = url.rstrip("/"), timeout
        self._token, self._access, self._until = token, "", 0.0

    def create_project(self, title: str, config: str) -> int:
        """Make a project; the server refuses a config it cannot show."""
        body = {"title": title, "label_config": config}
        return int(self._call("POST", "/api/projects/", body)["id"])

    def add_tasks(self, project: int, tasks: Sequence[dict[str, Any]]) -> int:
        """Send tasks; returns how many the server took."""
        count = 0
        for start in range(0, len(tasks), BATCH):
            part = list(tasks[start : start + BATCH])
            reply = self._call("POST", f"/api/projects/{project}/import", part)
            count += int(reply["task_count"])
        return count

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks of a project with their ids."""
        path = f"/api/tasks?project={project}&page_size=100000&fields=all"
        return list(self._call("GET", path)["tasks"])

    def annotate(self, task: int, result: Sequence[dict[str, Any]]) -> int:
        """Store one annotation; returns its id."""
        body = {"result": list(result)}
        return int(self._call("POST", f"/api/tasks/{task}/annotations/", body)["id"])

    def export(self, project: int) -> list[dict[str, Any]]:
        """The project in Label Studio's JSON, annotated tasks alone."""
        return list(self._call("GET", f"/api/projects/{project}/export?exportType=JSON"))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        if time.monotonic() > self._until:
            self._access = self._send("POST", "/api/token/refresh", {"refresh": self._token})[
                "access"
            ]
            self._until = time.monotonic() + 120  # they live five minutes
        return self._send(method, path, body, self._access)

    def _send(self, method: str, path: str, body: Any, access: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        if access:
            request.add_header("Authorization", f"Bearer {access}")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as reply:
                return json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            words = error.read().decode("utf-8", "replace")[:300]
            hint = "; is the personal access token right?" if error.code == 401 else ""
            raise EndpointError(f"{self.url}{path}: {error.code} {words}{hint}") from error
        except (OSError, ValueError) as error:
            raise EndpointError(f"{self.url}{path}: {error}; is Label Studio running?") from error
