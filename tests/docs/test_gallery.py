"""The gallery shows every figure, and the animation is one."""

import inspect
import sys
from pathlib import Path

import numpy as np
import pytest
from biocredit.analysis.plots import figures
from biocredit.analysis.plots.animation import spreading_error
from PIL import Image

from tests.unit.test_figures import rates, short_trajectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "_build"))
gallery = pytest.importorskip("gallery")


def test_every_figure_of_the_package_is_in_the_gallery():
    drawn = "".join(inspect.getsource(draw) for _, _, draw in gallery.FIGURES)
    assert [name for name in figures.__all__ if f"figures.{name}(" not in drawn] == []
    kept = {path.stem for path in gallery.IMAGES.glob("*.png")}
    assert kept <= {name for name, _, _ in gallery.FIGURES}
    assert gallery.page().count("![") == len(list(gallery.IMAGES.iterdir()))


@pytest.mark.science
def test_every_figure_is_made(tmp_path):
    gallery.make(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png")} == {name for name, _, _ in gallery.FIGURES}


def test_the_animation_has_a_frame_for_each_iteration(tmp_path):
    path = spreading_error(rates(tmp_path / "r.h5", short_trajectory), tmp_path / "error.gif")
    with Image.open(path) as image:
        assert image.n_frames == 5  # four iterations, and before the error enters
        first, last = (np.asarray((image.seek(k), image.convert("RGB"))[1], float) for k in (0, 4))
    assert np.abs(first - last).max() > 50
