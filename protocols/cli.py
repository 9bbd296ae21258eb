"""The command ``biocredit``: what can be typed. What is done is in :mod:`biocredit.protocols.commands.commands`.

Exit status: 0 for success, 1 if a run failed, 2 for bad input (one line says what was wrong), 130 after Ctrl-C, 75 if
a run was stopped by SIGTERM and can be resumed.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

#: Subcommands: their help, and the arguments of each in :data:`ARGUMENTS`.
COMMANDS = {
    "list": ("every experiment: paper, figure, what it needs, how long it takes", ("filter",)),
    "show": ("the full configuration of an experiment, ready to edit", ("name", "choices")),
    "run": (
        "run an experiment (or an edited configuration) into a trace file",
        ("name", "choices", "output", "workers"),
    ),
    "resume": ("go on with a run that was stopped or killed", ("trace", "extend")),
    "sweep": ("run an experiment at every point of a grid", ("name", "over", "choices", "output", "workers")),
    "inspect": ("what a trace file holds", ("files", "check")),
    "report": ("figures and a table beside the paper's numbers (HTML or Markdown)", ("files", "report")),
    "data": ("data sets: list, where, fetch NAME, import NAME FILES; import-recording FILE", ("data", "recording")),
    "export": ("a trace for other programs: NWB", ("exported",)),
    "cite": ("BibTeX of what runs (or experiments) used", ("cited",)),
}

ARGUMENTS = {
    "filter": [(("word",), {"nargs": "?", "default": "", "help": "only names that contain this"})],
    "name": [(("experiment",), {"help": "name from 'biocredit list', or a JSON file from 'biocredit show'"})],
    "trace": [(("trace",), {"help": "trace file"})],
    "extend": [
        (("--epochs",), {"type": int, "metavar": "N", "help": "epochs of the whole run; more extend a complete one"})
    ],
    "files": [(("traces",), {"nargs": "+", "help": "trace files, or folders of them"})],
    "check": [
        (("--check",), {"action": "store_true", "help": "compare with the schema; exit status 2 if it deviates"})
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
    "workers": [(("--workers",), {"type": int, "default": 1, "metavar": "N", "help": "processes at a time"})],
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
        (("--to",), {"choices": ("nwb",), "required": True, "help": "form"}),
        (("-o", "--output"), {"metavar": "FILE", "help": "file to be written; by default the trace's name"}),
        (("--overwrite",), {"action": "store_true", "help": "replace what is there"}),
    ],
}


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="biocredit", description="Build, run, lesion and compare circuits that assign credit locally.")
    below = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, (summary, groups) in COMMANDS.items():
        command = below.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for group in groups:
            for flags, options in ARGUMENTS[group]:
                command.add_argument(*flags, **options)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was typed and return the exit status."""
    given = parser().parse_args(arguments)
    commands = import_module("biocredit.protocols.commands.commands")
    try:
        return getattr(commands, f"{given.command}_command")(given)
    except commands.Failed as failure:
        return _complain(given.command, failure, 1)
    except commands.BAD_INPUT as refusal:
        return _complain(given.command, refusal, 2)
    except OSError as refusal:
        where = f"{refusal.filename}: " if refusal.filename else ""
        return _complain(given.command, ValueError(f"{where}{refusal.strerror or refusal}"), 2)
    except KeyboardInterrupt as stopped:
        return _complain(given.command, ValueError(str(stopped) or "interrupted"), 130)


def _complain(command: str, failure: Exception, status: int) -> int:
    sys.stderr.write(f"biocredit {command}: {' '.join(str(failure).split())}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
