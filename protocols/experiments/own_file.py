"""An experiment of one's own: a Python file that defines ``configuration`` or ``experiment``.

The file may define circuits, rules, pathways, tasks, measures, losses and transfer functions, too.
"""

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.experiment import Experiment
from biocredit.protocols.experiments.settings import parts_in


class OwnFileError(CircuitError):
    """A file of one's own cannot be used; the message is one line."""


def load(path: str | Path) -> Experiment:
    """Read an experiment from a file.

    Parameters
    ----------
    path
        A Python file; it is run once in a process.

    Raises
    ------
    OwnFileError
        If it is not there, fails, or defines no experiment.
    """
    file = Path(path).resolve()
    if not file.is_file() or file.suffix != ".py":
        raise OwnFileError(f"{path}: there is no such Python file")
    module = _module(file)
    given = getattr(module, "experiment", None) or getattr(module, "configuration", None)
    if isinstance(given, Configuration):
        given = Experiment(file.stem, file.name, file.stem, "", "", {file.stem: given})
    if not isinstance(given, Experiment):
        raise OwnFileError(
            f"{path}: wanted a Configuration called 'configuration' or an Experiment called 'experiment'"
        )
    return Experiment(**{**vars(given), "source": str(file), "parts": {**given.parts, **parts_in(module)}})


def _module(file: Path) -> ModuleType:
    """Run the file as a module that can be imported by its name, in this process and (from its folder) in others."""
    known = sys.modules.get(file.stem)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    name = file.stem if known is None and file.stem.isidentifier() else f"own_file_{abs(hash(file))}"
    if known is not None and name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    module = module_from_spec(spec)
    sys.modules[name] = module
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as failure:
        del sys.modules[name]
        raise OwnFileError(where(failure, file) or f"{file.name}: {type(failure).__name__}: {failure}") from failure
    return module


def where(failure: BaseException, file: str | Path) -> str:
    """Say in one line what went wrong where in a file; nothing if it went wrong elsewhere."""
    place = str(Path(file))
    if isinstance(failure, SyntaxError) and failure.filename == place:
        return f"{Path(place).name}, line {failure.lineno}: {failure.msg}"
    frames = [one for one in traceback.extract_tb(failure.__traceback__) if one.filename == place]
    if not frames:
        return ""
    text = " ".join(str(failure).split())
    return f"{Path(place).name}, line {frames[-1].lineno}: {type(failure).__name__}: {text}"
