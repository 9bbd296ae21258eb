"""A report in a browser: nothing on the console, nothing cut off, tables that sort, figures that enlarge."""

import json
import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest
from biocredit.analysis.reports.report import write_report

from tests.unit.experiment_case import learned

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RATES = (100.0, 10.0, 1.58, 1.0)
#: Looks at the page as a reader would, and leaves what it saw in the page's title.
LOOK = """<script>
window.errors = []; window.onerror = message => { errors.push(message) };
window.addEventListener("load", () => {
  const table = document.querySelector("table");
  const cells = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
  const before = cells();
  table.querySelector("th").click();
  const up = cells();
  table.querySelector("th").click();
  document.querySelector("figure img").click();
  const cut = [...document.querySelectorAll("h1,p,figure,td,pre")].filter(one =>
    !one.closest(".wide") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).length;
  document.title = JSON.stringify({errors, cut, before, up, down: cells(),
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    enlarged: document.querySelector("dialog").open});
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [1400, 800])
def test_a_report_is_whole_in_a_browser(tmp_path, width):
    paths = [
        learned(
            tmp_path / f"{rate}.h5",
            np.array([[0.2, 0.5], [0.4, 0.6]]),
            {"condition": f"expansion {rate}", "settings": {"pathway": {"expansion": rate}}, "title": "long " * 30},
        )
        for rate in RATES
    ]
    page = write_report(paths, tmp_path / "report.html")
    page.write_text(page.read_text().replace("<head>", f"<head>{LOOK}"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},1000", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    seen = json.loads(unescape(re.search(r"<title>(.*?)</title>", done.stdout, re.S)[1]))
    assert (seen["errors"], seen["cut"], seen["wide"], seen["enlarged"]) == ([], 0, False, True)
    assert "CONSOLE" not in done.stderr
    sorted_rates = [f"expansion {rate}" for rate in sorted(RATES)]
    assert seen["before"] == seen["up"] == sorted_rates == seen["down"][::-1]
