"""Pictures a second and memory of `iqa-spider dataset build`, measured on the real command.

Photos are used over and over under new names (symbolic links), so that a folder of any size stands for a
large one. Every few seconds the whole tree of processes is looked at: resident memory (shared pages count
once for each process that maps them, so that the figure errs upwards) and CPU seconds. On a machine that is
shared only CPU seconds can be compared; the table gives both. Reads /proc, so that it needs Linux.

    python scripts/measure_build.py PHOTOS --pictures 10000 --size 128 --workers 2 --out RUN

RUN/memory.tsv holds every look; the row of the table is printed and written to RUN/row.md. Run it again after
a kill and the build goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
HEAD = (
    "| engine | workers | pictures | pictures a second | pictures a CPU second | load | peak MB | "
    "MB at 10 % | 50 % | 100 % |\n" + "|---" * 10 + "|"
)


@dataclass(frozen=True)
class Look:
    """One look at the tree: seconds since the start, pictures done, MB resident, CPU seconds so far."""

    seconds: float
    done: int
    memory: float
    cpu: float


@dataclass
class Watcher:
    """Follows a process and all that it starts; CPU of those that ended counts as last seen."""

    root: int
    cpu: dict[int, float] = field(default_factory=dict)

    def look(self) -> tuple[float, float]:
        """Resident MB now and CPU seconds so far."""
        parents, memory, cpu = {}, {}, {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            pid = int(entry.name)
            parents[pid] = int(stat[1])
            memory[pid] = int(stat[21]) * PAGE / 1e6
            cpu[pid] = (int(stat[11]) + int(stat[12])) / TICKS
        tree = [pid for pid in parents if pid == self.root or self._below(pid, parents)]
        self.cpu |= {pid: cpu[pid] for pid in tree}
        return sum(memory[pid] for pid in tree), sum(self.cpu.values())

    def _below(self, pid: int, parents: dict[int, int]) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == self.root:
                return True
        return False


def link_photos(photos: Path, folder: Path, count: int) -> None:
    """``count`` links ``000000.jpg`` ... to the pictures of ``photos``, over and over."""
    kinds = (".jpg", ".jpeg", ".png")
    found = sorted(p.resolve() for p in photos.rglob("*") if p.suffix.lower() in kinds)
    found = [path for path in found if path.parent.name != "regions"]
    if not found:
        raise SystemExit(f"{photos}: holds no photos")
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        source = found[number % len(found)]
        link = folder / f"{number:06d}{source.suffix}"
        if not link.is_symlink():
            link.symlink_to(source)


def measure(options: argparse.Namespace) -> list[Look]:
    """Run the build; returns the looks, which are also appended to ``memory.tsv``."""
    out: Path = options.out
    link_photos(options.photos, out / "photos", options.pictures)
    command = [
        sys.executable, "-m", "iqa_spider", "dataset", "build", str(out / "photos"), "--out",
        str(out / "set"), "--size", str(options.size), "--workers", str(options.workers),
        "--engine", options.engine,
    ]  # fmt: skip
    shards = out / "set" / "shards"
    process = subprocess.Popen(command)
    watcher, looks, start = Watcher(process.pid), [], time.monotonic()
    with (out / "memory.tsv").open("a") as log:
        while process.poll() is None:
            memory, cpu = watcher.look()
            done = len(os.listdir(shards)) if shards.is_dir() else 0
            look = Look(time.monotonic() - start, done, memory, cpu)
            looks.append(look)
            print(f"{look.seconds:.0f}\t{done}\t{memory:.1f}\t{cpu:.1f}", file=log, flush=True)
            time.sleep(options.every)
    if process.returncode:
        raise SystemExit(process.returncode)
    return looks


def row(options: argparse.Namespace, looks: list[Look]) -> str:
    """A row of the table; the speed is that between the first picture and the last."""
    working = [look for look in looks if look.done > 0]
    ready = next((look for look in working if look.done >= options.pictures), working[-1])
    first = working[0]
    count = ready.done - first.done
    wall, cpu = ready.seconds - first.seconds, ready.cpu - first.cpu
    at = [_memory(working, share * options.pictures) for share in (0.1, 0.5, 1.0)]
    cells = [
        options.engine, options.workers, options.pictures, f"{count / max(wall, 1e-9):.1f}",
        f"{count / max(cpu, 1e-9):.1f}", f"{os.getloadavg()[1]:.1f}",
        f"{max(look.memory for look in looks):.0f}", *(f"{value:.0f}" for value in at),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def _memory(looks: list[Look], done: float) -> float:
    return next((look for look in looks if look.done >= done), looks[-1]).memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--every", type=float, default=2.0)
    options = parser.parse_args()
    line = row(options, measure(options))
    (options.out / "row.md").write_text(f"{HEAD}\n{line}\n")
    print(f"{HEAD}\n{line}")


if __name__ == "__main__":
    main()
