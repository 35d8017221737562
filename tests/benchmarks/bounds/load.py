"""An oracle under more than it can do: memory and descriptors of its processes over time."""

import argparse
import io
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.photos import photo  # noqa: E402

from oracle.demo.stage import Stage, running_oracle  # noqa: E402

SAMPLE_S = 1.0
Samples = dict[str, list[tuple[int, int]]]  # process -> (MiB, descriptors) over time


def name_of(process: psutil.Process) -> str | None:
    """What a process of the tree is called here; None for those that are not ours to measure."""
    line = process.cmdline()
    if "oracle.media.decoder" in line:
        return "decoders"
    return line[-1] if "oracle" in line[-2:] else None


class Watch:
    """Samples the processes of an oracle until it is left."""

    def __init__(self, stage: Stage) -> None:
        self._root = psutil.Process(stage.process.pid)
        self.samples: Samples = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            now: dict[str, list[int]] = defaultdict(lambda: [0, 0])
            for process in self._root.children(recursive=True):
                try:
                    if (name := name_of(process)) is not None:
                        now[name][0] += process.memory_info().rss >> 20
                        now[name][1] += process.num_fds()
                except psutil.Error:
                    continue
            for name, (mib, descriptors) in now.items():
                self.samples[name].append((mib, descriptors))


def report(samples: Samples) -> None:
    print(f"{'process':<12}{'first MiB':>10}{'most MiB':>10}{'last MiB':>10}{'most fds':>10}")
    for name, seen in sorted(samples.items()):
        mib = [each[0] for each in seen]
        fds = max(each[1] for each in seen)
        print(f"{name:<12}{mib[0]:>10}{max(mib):>10}{mib[-1]:>10}{fds:>10}")


def large_picture(mib: int, seed: int) -> bytes:
    """A picture whose file has about that many MiB: noise does not compress."""
    side = int((mib * 2**20 / 3) ** 0.5)
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


def post(url: str, content: bytes, creator: str) -> int:
    """Post until there is an answer other than "come again". Returns: its status."""
    while True:
        try:
            answer = httpx2.post(
                f"{url}/upload?wait_s=0",
                files={"file": ("x", content)},
                data={"creator": creator},
                timeout=600,
                trust_env=False,
            )
        except httpx2.HTTPError as exc:
            return -1 if not isinstance(exc, httpx2.TimeoutException) else -2
        if answer.status_code not in (429, 503):
            return answer.status_code
        time.sleep(min(5.0, float(answer.headers.get("Retry-After", "1"))))


def uploads(stage: Stage, options: argparse.Namespace) -> bool:
    base = large_picture(options.mib, 0)
    contents = [base + n.to_bytes(4, "big") for n in range(4)]
    with Watch(stage) as watch, ThreadPoolExecutor(options.count) as clients:
        began = time.monotonic()
        jobs = [
            clients.submit(post, str(stage.api.base_url), contents[n % 4], f"creator{n}")
            for n in range(options.count)
        ]
        ends = Counter(job.result() for job in jobs)
        print(
            f"{options.count} uploads of {len(base) >> 20} MiB: {dict(ends)}"
            f" in {time.monotonic() - began:.0f} s"
        )
    report(watch.samples)
    most = max(mib for mib, _ in watch.samples["serve"])
    return set(ends) <= {200, 202} and most < options.api_mib


def idle(stage: Stage, options: argparse.Namespace) -> bool:
    """Show what each process has to itself (PSS) a while after it judged one picture."""
    if post(str(stage.api.base_url), photo("temple"), "alice") != 202:
        return False
    time.sleep(options.seconds)
    found: dict[str, list[int]] = defaultdict(list)
    for process in psutil.Process(stage.process.pid).children(recursive=True):
        name = name_of(process) or process.name()
        found[name].append(process.memory_full_info().pss >> 20)
    for name, mib in sorted(found.items()):
        print(f"{name:<12}{len(mib):>3} {sum(mib):>6} MiB")
    print(f"{'all':<12}{'':>3} {sum(map(sum, found.values())):>6} MiB")
    return True


def soak(stage: Stage, options: argparse.Namespace) -> bool:
    until, numbers, ends = (
        time.monotonic() + 60 * options.minutes,
        itertools.count(),
        Counter[int](),
    )

    def client(creator: str) -> None:
        while time.monotonic() < until:
            content = photo("temple") + next(numbers).to_bytes(8, "big")
            ends[post(str(stage.api.base_url), content, creator)] += 1

    with Watch(stage) as watch:
        threads = [
            threading.Thread(target=client, args=(f"creator{n}",)) for n in range(options.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"{options.minutes} minutes, {options.clients} clients: {dict(ends)}")
    report(watch.samples)
    flat = True
    for name, seen in watch.samples.items():
        third = len(seen) // 3
        for which, what in ((0, "MiB"), (1, "descriptors")):
            before = max(each[which] for each in seen[third : 2 * third])
            after = max(each[which] for each in seen[2 * third :])
            if after > 1.1 * before + 20:
                print(f"{name}: {what} grew from {before} to {after}")
                flat = False
    return flat and set(ends) <= {200, 202}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("uploads")
    command.add_argument("--count", type=int, default=100)
    command.add_argument("--mib", type=int, default=50)
    command.add_argument("--api-mib", type=int, default=1000)
    command.set_defaults(run=uploads)
    command = commands.add_parser("idle")
    command.add_argument("--seconds", type=float, default=60)
    command.set_defaults(run=idle)
    command = commands.add_parser("soak")
    command.add_argument("--minutes", type=float, default=30)
    command.add_argument("--clients", type=int, default=8)
    command.set_defaults(run=soak)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_oracle(Path(folder)) as stage:
        sys.exit(0 if options.run(stage, options) else 1)


if __name__ == "__main__":
    main()
