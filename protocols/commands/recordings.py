"""What ``biocredit data import-recording`` and ``biocredit export`` do."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from biocredit.analysis.interchange.recording import Recording, RecordingError

#: Options that only files of one form understand.
OF_NWB = ("event", "window", "step", "sd", "rates", "where")
OF_ARRAYS = ("array", "time", "axes", "covariates")


def import_recording(given: Namespace) -> int:
    """Read a recording in another form and write the labelled one."""
    if not given.name or given.files:
        raise RecordingError("import-recording takes one file: FILE -o NAME.h5")
    path = Path(given.name)
    readers = {".nwb": _from_nwb, ".npz": _from_arrays, ".mat": _from_arrays}
    if path.suffix not in readers:
        raise RecordingError(f"{path.name}: wanted a file that ends in {', '.join(readers)}")
    output = Path(_wanted(given, "output", "-o NAME.h5"))
    _refuse_existing(output, given.overwrite)
    recording = readers[path.suffix](path, given)
    recording.save(output)
    print(f"{output}: {recording!r}")
    return 0


def export(given: Namespace) -> int:
    """Write a trace in another form."""
    from biocredit.analysis.interchange.nwb_export import to_nwb
    from biocredit.analysis.trace.reader import open_trace

    output = Path(given.output or Path(given.trace).with_suffix(f".{given.to}"))
    with open_trace(given.trace) as trace:
        _refuse_existing(output, given.overwrite)
        to_nwb(trace, output)
    print(output)
    return 0


def _from_nwb(path: Path, given: Namespace) -> Recording:
    from biocredit.analysis.interchange.nwb_recording import recording_from_nwb
    from biocredit.analysis.metrics.neural.firing_rates import Window

    _refuse_options(path, given, OF_ARRAYS)
    asked: dict[str, Any] = {name: getattr(given, name) for name in ("step", "sd") if getattr(given, name) is not None}
    if given.window:
        asked |= dict(zip(("start", "stop"), given.window, strict=True))
    try:
        window = Window(**asked)
    except ValueError as error:
        raise RecordingError(str(error)) from None
    where = tuple(given.where.split("=", 1)) if given.where else None
    if where and len(where) != 2:
        raise RecordingError(f"--where: wanted COLUMN=VALUE, got {given.where!r}")
    event, condition = (_wanted(given, name, f"--{name} COLUMN") for name in ("event", "condition"))
    return recording_from_nwb(path, event, condition, window, rates=given.rates, where=where)


def _from_arrays(path: Path, given: Namespace) -> Recording:
    from biocredit.analysis.interchange.array_recording import AXES, recording_from_file

    _refuse_options(path, given, OF_NWB)
    names = [_wanted(given, name, f"--{name} NAME") for name in ("array", "time", "condition")]
    axes, covariates = (tuple(text.split(",")) if text else () for text in (given.axes, given.covariates))
    return recording_from_file(path, *names, axes=axes or AXES, covariates=covariates)


def _wanted(given: Namespace, name: str, how: str) -> Any:
    if getattr(given, name) is None:
        raise RecordingError(f"import-recording of a {Path(given.name).suffix} file needs {how}")
    return getattr(given, name)


def _refuse_options(path: Path, given: Namespace, names: tuple[str, ...]) -> None:
    if asked := [name for name in names if getattr(given, name) is not None]:
        raise RecordingError(f"--{asked[0]} has no meaning for a {path.suffix} file")


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise RecordingError(f"{path} is there already: give another -o, or --overwrite")
