"""Which folders are installed; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("circuits", "protocols", "analysis")
setup(packages=["biocredit", *(f"biocredit.{name}" for name in find_packages(include=[f"{room}*" for room in ROOMS]))])
