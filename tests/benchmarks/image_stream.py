"""Images of a folder tree that is too large for memory: time per image, peak memory, growth.

``python -m tests.benchmarks.image_stream --images 200000 --size 32``
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets.folders import open_tree
from biocredit.protocols.datasets.stream import Stream
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


def main(images: int, size: int, memory: float) -> None:
    """Go once through all images, as training does, and print what it took."""
    with tempfile.TemporaryDirectory() as place:
        make_tree(Path(place), images, 2 * size)
        before = resident()
        folder = open_tree(place)[0]
        indexed = resident()
        stream = Stream(folder, size, memory=int(memory * 1e6))
        order = np.random.default_rng(0).permutation(images)[: images // BATCH * BATCH].reshape(-1, BATCH)
        seen, start = [], time.perf_counter()
        for first in range(0, len(order), CHUNK):
            stream.expect(order[first : first + 2 * CHUNK])
            for row in order[first : first + CHUNK]:
                stream.read(row)
            seen.append(resident())
        seconds = time.perf_counter() - start
    print(f"{order.size} images of {2 * size} pixels to {size}: {1e3 * seconds / order.size:.3f} ms an image")
    print(f"index {indexed - before:.0f} MB; peak {max(seen) - indexed:.0f} MB above it, bound {memory:.0f} MB")
    tenth = max(len(seen) // 10, 1)
    print(f"first tenth {np.mean(seen[:tenth]):.0f} MB, last tenth {np.mean(seen[-tenth:]):.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--memory", type=float, default=64.0, help="MB of decoded images held ready")
    main(**vars(parser.parse_args()))
