"""The command ``biocredit``: what can be typed. What is done is in :mod:`biocredit.protocols.commands`.

Exit status: 0 for success, 1 if a run failed, 2 for bad input (one line says what was wrong), 75 if a run was stopped
by a signal and can go on, 130 after Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from biocredit.circuits.core.errors import nearest

#: Subcommands: the file in ``commands`` that does them, their help, and the groups of their :data:`ARGUMENTS`.
COMMANDS = {
    "list": ("reading", "experiments, or rules, pathways, tasks, measures, interventions", ("filter",)),
    "show": ("reading", "the full configuration of an experiment, ready to edit", ("name", "choices")),
    "run": (
        "runs",
        "run an experiment, an edited configuration or a file of your own into a trace file",
        ("name", "choices", "output", "again", "where"),
    ),
    "resume": ("runs", "go on with a run that was stopped or killed", ("trace", "extend")),
    "sweep": ("runs", "run an experiment at every point of a grid", ("name", "over", "choices", "output", "where")),
    "bench": ("bench", "every rule on the same tasks, tuned alike: static or temporal", ("bench", "output", "where")),
    "status": ("runs", "how far the runs of a folder are", ("folder",)),
    "work": ("runs", "", ("folder", "number")),
    "merge": ("runs", "join the seeds of one configuration from several traces", ("files", "into")),
    "inspect": ("files", "what a trace file holds", ("files", "check")),
    "copy": ("files", "copy a run: trace, checkpoint, pending commit", ("trace", "place")),
    "move": ("files", "move a run: trace, checkpoint, pending commit", ("trace", "place")),
    "export": ("files", "a trace for other programs: NWB, MATLAB, CSV, NetCDF (xarray)", ("exported",)),
    "report": ("reading", "figures and a table beside the paper's numbers (HTML or Markdown)", ("files", "report")),
    "audit": (
        "auditing",
        "what every synapse of a rule needs to know, measured; all rules when none is named",
        ("audited",),
    ),
    "record": (
        "reading",
        "our numbers beside the papers', experiment by experiment: size, verdict, date",
        ("recorded",),
    ),
    "data": (
        "reading",
        "data sets: list, where, fetch NAME, import NAME FILES; import-recording FILE",
        ("data", "recording"),
    ),
    "cite": ("reading", "BibTeX of what runs (or experiments) used", ("cited",)),
    "version": ("reading", "the version, and those of all that results depend on", ("all",)),
}

ARGUMENTS = {
    "filter": [
        (("what",), {"nargs": "?", "default": "", "help": "rules, pathways, ...; experiments by default"}),
        (("word",), {"nargs": "?", "default": "", "help": "only names that contain this"}),
    ],
    "name": [
        (("experiment",), {"help": "name from 'biocredit list', a JSON file from 'biocredit show', or a Python file"})
    ],
    "folder": [(("folder",), {"help": "folder of a sweep"})],
    "number": [(("number",), {"type": int, "help": "number of the job"})],
    "all": [(("--all",), {"action": "store_true", "help": "packages, too"})],
    "into": [
        (("-o", "--output"), {"metavar": "FILE", "required": True, "help": "the new trace"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
    "again": [(("--resume",), {"action": "store_true", "help": "go on with the trace if it is there"})],
    "trace": [(("trace",), {"help": "trace file"})],
    "extend": [
        (("--epochs",), {"type": int, "metavar": "N", "help": "epochs of the whole run; more extend a complete one"})
    ],
    "files": [(("traces",), {"nargs": "+", "help": "trace files, or folders of them"})],
    "check": [
        (("--check",), {"action": "store_true", "help": "compare with the schema; exit status 2 if it deviates"}),
        (("--repair",), {"action": "store_true", "help": "put the commit that a killed run left half done in place"}),
    ],
    "place": [
        (("place",), {"help": "folder, or new name"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
    "cited": [(("things",), {"nargs": "+", "help": "trace files, experiments, DOIs or arXiv identifiers"})],
    "choices": [
        (("--quick",), {"action": "store_true", "help": "small settings: well under a minute"}),
        (("--condition",), {"action": "append", "default": [], "metavar": "LABEL", "help": "only this curve or point"}),
        (("--epochs",), {"metavar": "N", "help": "same as --set run.epochs=N"}),
        (("--seeds",), {"metavar": "N", "help": "same as --set run.seeds=N"}),
        (("--set",), {"action": "append", "default": [], "metavar": "FIELD=VALUE", "help": "override any setting"}),
    ],
    "output": [
        (("-o", "--output"), {"metavar": "PATH", "help": "trace file; a folder where there are several"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
    "where": [
        (
            ("--on",),
            {"default": "pool", "metavar": "ENGINE", "help": "pool:8, dask, dask://HOST:PORT, dask-slurm, mpi, slurm"},
        ),
        (("--workers",), {"type": int, "default": 1, "metavar": "N", "help": "processes at a time"}),
        (("--partition",), {"default": "", "help": "SLURM: partition"}),
        (("--time",), {"default": "", "help": "SLURM: time of one run (4h)"}),
        (("--gpus",), {"type": int, "default": 0, "metavar": "N", "help": "SLURM: GPUs of one run"}),
        (("--memory",), {"default": "", "help": "SLURM: memory of one run (8G)"}),
        (("--array-limit",), {"type": int, "default": 0, "metavar": "N", "help": "SLURM: runs at a time"}),
        (("--dry-run",), {"action": "store_true", "help": "say what would be done"}),
    ],
    "over": [
        (
            ("--over",),
            {
                "action": "append",
                "required": True,
                "metavar": "FIELD=A,B,...",
                "help": "values of a setting; repeatable",
            },
        )
    ],
    "bench": [
        (("name",), {"choices": ("static", "temporal"), "help": "which bench"}),
        (("--quick",), {"action": "store_true", "help": "small: minutes on two cores"}),
        (
            ("--rule",),
            {"action": "append", "default": [], "metavar": "FILE.py", "help": "a rule of your own; repeatable"},
        ),
        (("--only",), {"action": "append", "default": [], "metavar": "RULE", "help": "only this rule; repeatable"}),
        (("--task",), {"action": "append", "default": [], "metavar": "TASK", "help": "only this task; repeatable"}),
        (("--set",), {"action": "append", "default": [], "metavar": "FIELD=VALUE", "help": "override any setting"}),
    ],
    "audited": [
        (("rules",), {"nargs": "*", "metavar": "RULE", "help": "names, or Python files of your own"}),
        (("--quick",), {"action": "store_true", "help": "nothing is trained: seconds for each rule"}),
        (("-o", "--output"), {"metavar": "FOLDER", "help": "page, tables (CSV) and figures go there"}),
        (("--array",), {"metavar": "NAME", "help": "the plastic array whose synapse is drawn"}),
    ],
    "recorded": [
        (("word",), {"nargs": "?", "default": "", "help": "only experiments whose name contains this"}),
        (("--csv",), {"action": "store_true", "help": "comma-separated, with the commands that give our numbers"}),
    ],
    "report": [(("-o", "--output"), {"metavar": "FILE", "default": "report.html", "help": "report.html or report.md"})],
    "data": [
        (("action",), {"choices": ("list", "where", "fetch", "import", "import-recording"), "help": "what to do"}),
        (("name",), {"nargs": "?", "help": "data set, or file of a recording (.nwb, .npz, .mat)"}),
        (("files",), {"nargs": "*", "help": "files to take over"}),
    ],
    "recording": [
        (("-o", "--output"), {"metavar": "NAME.h5", "help": "recording to be written"}),
        (("--condition",), {"metavar": "NAME", "help": "column of the trials, or array, that labels the conditions"}),
        (("--event",), {"metavar": "COLUMN", "help": "NWB: column of the trials with the time to align to"}),
        (("--window",), {"nargs": 2, "type": float, "metavar": ("START", "STOP"), "help": "NWB: ms around the event"}),
        (("--step",), {"type": float, "metavar": "MS", "help": "NWB: from one sample to the next (10)"}),
        (("--sd",), {"type": float, "metavar": "MS", "help": "NWB: standard deviation of the Gaussian (25)"}),
        (("--rates",), {"metavar": "SERIES", "help": "NWB: series that holds rates already"}),
        (("--where",), {"metavar": "COLUMN=VALUE", "help": "NWB: only units of which this holds"}),
        (("--array",), {"metavar": "NAME", "help": ".npz, .mat: array of the rates"}),
        (("--time",), {"metavar": "NAME", "help": ".npz, .mat: array of the times in ms"}),
        (("--axes",), {"metavar": "A,B,C", "help": ".npz, .mat: order of condition,time,neuron"}),
        (("--covariates",), {"metavar": "A,B,...", "help": ".npz, .mat: further arrays, such as the hand's position"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
    "exported": [
        (("trace",), {"help": "trace file"}),
        (("--to",), {"choices": ("nwb", "matlab", "csv", "xarray"), "required": True, "help": "form"}),
        (("-o", "--output"), {"metavar": "FILE", "help": "file to be written; by default the trace's name"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
}


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one line."""

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse what is no choice, with the nearest one."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"unknown {value!r}: {nearest(str(value), action.choices)}")

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="biocredit", description="Build, run, lesion and compare circuits that assign credit locally.")
    below = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, (_, summary, groups) in COMMANDS.items():
        shown = {"help": summary} if summary else {}
        command = below.add_parser(name, description=summary, allow_abbrev=False, **shown)
        for group in groups:
            for flags, options in ARGUMENTS[group]:
                command.add_argument(*flags, **options)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was typed and return the exit status."""
    given = parser().parse_args(arguments)
    door = import_module("biocredit.protocols.commands.door")
    files = [
        *getattr(given, "traces", ()),
        *getattr(given, "things", ()),
        *filter(None, [getattr(given, "trace", None), getattr(given, "folder", None)]),
    ]

    def command() -> int:
        room = import_module(f"biocredit.protocols.commands.{COMMANDS[given.command][0]}")
        return getattr(room, f"{given.command}_command")(given)

    return door.guarded(command, given.command, tuple(files))


if __name__ == "__main__":
    sys.exit(main())
