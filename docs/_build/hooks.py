"""Pages that are made from the program itself: reference, rules, papers; and typeset mathematics without a network."""

import logging
import re
import sys
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("circuits", "protocols", "analysis")
sys.path.insert(0, str(ROOT / "docs" / "_build"))

import cards  # noqa: E402  (these lie beside this file)
import pages  # noqa: E402
import papers  # noqa: E402

log = logging.getLogger("mkdocs.hooks")


def on_config(config):
    """Lay the rooms below one folder, as they are installed, for the reader of docstrings; put what is generated into the menu."""
    package = ROOT / ".cache" / "docs" / "biocredit"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text((ROOT / "biocredit" / "__init__.py").read_text())
    for room in ROOMS:
        if not (package / room).exists():
            (package / room).symlink_to(ROOT / room)
    for entry in config.nav:
        for title, made in (("Rules", cards.nav), ("Papers", papers.nav)):
            if title in entry:
                entry[title] = made()
    return config


def on_files(files, config):
    """Add the generated pages."""
    for path, text in pages.everything():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown, page, **_):
    r"""Turn ``$$ ... $$`` and ``\( ... \)`` into MathML, outside code."""
    parts = re.split(r"(```.*?```|`[^`\n]*`)", markdown, flags=re.S)
    return "".join(part if part.startswith("`") else _typeset(part) for part in parts)


def _typeset(text):
    text = re.sub(r"\$\$(.+?)\$\$", lambda found: convert(found[1].strip(), display="block"), text, flags=re.S)
    return re.sub(r"\\\((.+?)\\\)", lambda found: convert(found[1].strip()), text)


def on_post_build(config):
    """Say which public names have no docstring; with --strict the build then fails."""
    for name in pages.undocumented():
        log.warning("public name without a docstring: %s", name)
