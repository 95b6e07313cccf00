"""Engines: the same bytes wherever work runs. Ray is tried where it is installed."""

from __future__ import annotations

import json
import pickle
import time

import pytest
from endpoint_server import EndpointServer, Gauge, Reply
from engine_work import die, late, refuse
from typer.testing import CliRunner

from iqa_spider.core import ConfigError, DatasetError, EndpointError, EngineError, MissingExtraError
from iqa_spider.dataset.build import BuildSettings, build_dataset
from iqa_spider.dataset.engines import LocalEngine, ThreadEngine, engine_named, in_order
from iqa_spider.models.endpoint import Endpoint
from iqa_spider.serving.cli import app


def _files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_names_of_engines_and_what_does_not_go_together():
    assert isinstance(engine_named("local", 2), LocalEngine)
    assert engine_named("local", 2, threads=5) == ThreadEngine(5)
    with pytest.raises(ConfigError, match="--engine is 'spark'"):
        engine_named("spark", 1)
    with pytest.raises(ConfigError, match="needs --engine ray"):
        engine_named("local", 1, "auto")


@pytest.mark.parametrize("engine", [LocalEngine(1), LocalEngine(2), ThreadEngine(4)])
def test_results_are_put_in_order_and_errors_come_out_as_themselves(engine):
    assert list(in_order(engine, late, [0, 1, 2, 3])) == [0, 1, 4, 9]
    assert list(in_order(engine, late, [])) == []
    with pytest.raises(DatasetError, match="row 3"):
        list(engine.run(refuse, [1, 2, 3]))


def test_an_engine_that_is_left_drops_what_has_not_begun():
    """After an error a long run must end now, not when the last item is done."""
    begun = []

    def work(number):
        begun.append(number)
        time.sleep(0.02)

    results = ThreadEngine(2).run(work, range(200))
    next(results)
    results.close()
    assert len(begun) < 50


def test_a_worker_that_is_killed_is_an_error_with_a_mend():
    with pytest.raises(EngineError, match=r"fewer --workers than 2"):
        list(LocalEngine(2).run(die, [0, 1, 2]))


def test_errors_and_clients_travel_between_processes():
    """A `MissingExtraError` that could not be unpickled would break the pool instead of being shown."""
    error = pickle.loads(pickle.dumps(MissingExtraError("export to Parquet", "data")))
    assert str(error) == str(MissingExtraError("export to Parquet", "data"))
    with EndpointServer(lambda body, n: Reply("Yes.")) as server:
        client = Endpoint(server.url, "m", api_key="k", timeout=3, retries=1, concurrency=5)
        copy = pickle.loads(pickle.dumps(client))
        assert copy.complete([{"role": "user", "content": "?"}]) == "Yes."
    assert (copy.client.timeout, copy.client.max_retries, copy.concurrency) == (3, 1, 5)
    assert copy.client.api_key == "k"


@pytest.fixture(scope="module")
def ray_engine():
    ray = pytest.importorskip("ray")
    yield lambda **options: engine_named("ray", 2, **options)
    ray.shutdown()


pytestmark = pytest.mark.filterwarnings("ignore")


def test_ray_builds_the_same_bytes_and_goes_on_where_another_engine_stopped(
    small_photos, small_set, tmp_path, ray_engine
):
    """A build begun in-process and finished on Ray must not differ from one done in one go."""
    settings = BuildSettings(seed=5, size=160)
    build_dataset(small_photos, tmp_path / "set", settings, limit=4)
    build_dataset(small_photos, tmp_path / "set", settings, engine=ray_engine())
    assert _files(tmp_path / "set") == _files(small_set)


def test_ray_hands_errors_of_the_work_through(ray_engine):
    def broken(number):
        raise DatasetError("row 3: broken")

    def full(number):
        raise OSError(28, "No space left on device", "x.png")

    with pytest.raises(DatasetError, match="row 3"):
        list(ray_engine().run(broken, [1, 2, 3]))
    with pytest.raises(OSError, match="No space left") as caught:
        list(ray_engine().run(full, [1]))
    assert (caught.value.errno, caught.value.filename) == (28, "x.png")


@pytest.mark.parametrize("form", ["parquet", "llava", "sharegpt", "swift", "coco"])
def test_ray_exports_the_same_bytes(small_set, tmp_path, ray_engine, form):
    if form == "parquet":
        pytest.importorskip("datasets")
    from iqa_spider.dataset.release import export_coco, export_conversations, export_parquet

    for name, engine in (("here", LocalEngine()), ("ray", ray_engine())):
        out = tmp_path / name
        if form == "parquet":
            export_parquet(small_set, out, rows=30, engine=engine)
        elif form == "coco":
            export_coco(small_set, out, engine=engine)
        else:
            export_conversations(small_set, out, form, engine=engine)
    assert _files(tmp_path / "ray") == _files(tmp_path / "here")
    assert len(_files(tmp_path / "here")) >= 2


def test_ray_writes_annotation_tasks_alike(small_photos, tmp_path, ray_engine):
    for name in ("local", "ray"):
        arguments = ["--out", str(tmp_path / name), "--engine", name, "--workers", "2"]
        result = CliRunner().invoke(
            app, ["dataset", "annotate", "export", str(small_photos), *arguments]
        )
        assert result.exit_code == 0, result.output or result.exception
    assert _files(tmp_path / "ray") == _files(tmp_path / "local")
    assert len(json.loads((tmp_path / "ray" / "tasks.json").read_text())) == 12


def test_ray_writes_answers_alike_within_the_limit(copied_set, tmp_path, ray_engine):
    """Names, transcripts, rows and the report, by the command line; four requests at once at most."""
    for path in (copied_set / "samples").glob("*.jsonl"):
        lines = path.read_text().splitlines()[:70]
        path.write_text("".join(f"{line}\n" for line in lines))
    gauge = Gauge()

    def script(body, n):
        with gauge:
            time.sleep(0.01)
        text = body["messages"][-1]["content"]
        label = isinstance(text, list) and "noun phrase" in text[-1]["text"]
        # The same request gets the same reply, true or not, whoever asks and when.
        return Reply("A wooden fence." if label else "Planks in the sun.")

    with EndpointServer(script) as server:
        for name in ("local", "ray"):
            arguments = ["--out", str(tmp_path / name), "--endpoint", server.url, "--model", "m",
                         "--concurrency", "4", "--engine", name, "--workers", "2"]  # fmt: skip
            result = CliRunner().invoke(app, ["dataset", "write", str(copied_set), *arguments])
            assert result.exit_code == 0, result.output or result.exception
            assert 1 < gauge.most <= 4
            gauge.most = 0
    assert _files(tmp_path / "ray") == _files(tmp_path / "local")
    assert len(list((tmp_path / "ray" / "transcripts").iterdir())) > 20


def test_an_endpoint_that_is_dead_stops_ray_too(copied_set, tmp_path, ray_engine):
    from iqa_spider.dataset.writing import WriteSettings, write_set

    with EndpointServer(lambda body, n: Reply(status=500)) as server:
        model = Endpoint(server.url, "m", retries=0, timeout=5)
        engine = ray_engine(threads=2)
        with pytest.raises(EndpointError, match="run the same command to go on"):
            write_set(copied_set, tmp_path / "o", model, WriteSettings("m"), str, engine=engine)
        assert len(server.requests) <= 20


def test_an_address_where_no_ray_answers_is_one_line(small_photos, tmp_path):
    """Ray itself would try for minutes and then end the process."""
    pytest.importorskip("ray")
    arguments = ["--engine", "ray", "--ray-address", "127.0.0.1:9", "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(app, ["dataset", "build", str(small_photos), *arguments])
    assert isinstance(result.exception, EngineError)
    assert "--ray-address 127.0.0.1:9: no answer" in str(result.exception)
