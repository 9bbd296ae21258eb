"""Images of a folder tree that is too large for memory: time per image, peak memory, growth.

``python -m tests.benchmarks.image_stream --images 200000 --size 32``
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets.image_tree import image_tree
from PIL import Image

BATCH, CHUNK, DIFFERENT, CLASSES = 128, 16, 200, 10


def make_tree(root: Path, images: int, side: int) -> None:
    """Make a tree of small JPEG images: a few hundred different ones, under as many names as asked for."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    for number in range(DIFFERENT):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number}.jpg", quality=90)
    for part, count in (("train", images), ("val", CLASSES)):
        for name in range(CLASSES):
            (root / part / f"class_{name}").mkdir(parents=True)
        for number in range(count):
            target = root / part / f"class_{number % CLASSES}" / f"{number}.jpg"
            os.link(root / "images" / f"{number % DIFFERENT}.jpg", target)


def resident() -> float:
    """Memory of this process now, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


class Watch(threading.Thread):
    """Looks at the memory of this process while something runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen, self._over = [], threading.Event()

    def run(self) -> None:
        """Look."""
        while not self._over.wait(0.2):
            self.seen.append(resident())

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._over.set()
        self.join()


def lines(images: int = 20_000, size: int = 32) -> Iterator[str]:
    """Decode all images once, then learn from all of them once; say what it took."""
    from biocredit.circuits import DualStream
    from biocredit.protocols import TwoPhase

    with tempfile.TemporaryDirectory() as place:
        make_tree(Path(place), images, 2 * size)
        before = resident()
        task = image_tree(place, size)
        yield f"  {images} images of {2 * size} x {2 * size} pixels; the index takes {resident() - before:.0f} MB"
        order = np.random.default_rng(0).permutation(images)[: images // BATCH * BATCH].reshape(-1, BATCH)
        start = time.perf_counter(), time.process_time()
        for first in range(0, len(order), CHUNK):
            task.expect(order[first : first + 2 * CHUNK])
            for row in order[first : first + CHUNK]:
                task.sources[0].read(row)
        yield _took("decoding alone", start, order.size)
        net = DualStream.mlp([size * size * 3, 64, CLASSES], "transposed")
        run = TwoPhase(net, task, batch_size=BATCH, chunk=CHUNK, evaluate=())
        start = time.perf_counter(), time.process_time()
        with Watch() as watch:
            run.train(1, progress=False)
        yield _took("learning from them", start, order.size)
    tenth = max(len(watch.seen) // 10, 1)
    begin, end = np.mean(watch.seen[tenth : 2 * tenth]), np.mean(watch.seen[-tenth:])
    yield f"  peak {max(watch.seen):.0f} MB; second tenth {begin:.0f} MB, last tenth {end:.0f} MB"


def _took(what: str, start: tuple[float, float], count: int) -> str:
    wall, used = time.perf_counter() - start[0], time.process_time() - start[1]
    return f"  {what}: {1e3 * wall / count:.3f} ms an image, {1e3 * used / count:.3f} ms of processor time"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=32)
    for line in lines(**vars(parser.parse_args())):
        print(line, flush=True)
