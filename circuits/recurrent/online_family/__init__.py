"""The online rules in the common frame of Marschall, Cho & Savin (JMLR 21(135), 2020; arXiv 1907.02649).

Each rule is one short file: an (init, update) pair over the local signals of one time step, declared as an
:class:`OnlineRule`. ``FAMILY`` is the table by which they are chosen; ``driver.drive`` runs them through time.
"""

from collections.abc import Callable

from biocredit.circuits.recurrent.online_family.dni import dni
from biocredit.circuits.recurrent.online_family.driver import (
    Course,
    Moment,
    begin,
    drive,
    moment,
    settle,
)
from biocredit.circuits.recurrent.online_family.efficient_bptt import efficient_bptt
from biocredit.circuits.recurrent.online_family.future_bptt import future_bptt
from biocredit.circuits.recurrent.online_family.kernl import kernl
from biocredit.circuits.recurrent.online_family.kf_rtrl import kf_rtrl
from biocredit.circuits.recurrent.online_family.local_signals import (
    Point,
    at_rest,
    join,
    local_signals,
    point_at,
    split,
    start,
)
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule, no_chance
from biocredit.circuits.recurrent.online_family.reverse_kf_rtrl import reverse_kf_rtrl
from biocredit.circuits.recurrent.online_family.rflo import rflo
from biocredit.circuits.recurrent.online_family.rtrl import rtrl
from biocredit.circuits.recurrent.online_family.stepwise import StepwiseRule, stepwise
from biocredit.circuits.recurrent.online_family.uoro import uoro

FAMILY: dict[str, Callable[..., OnlineRule]] = {
    "rtrl": rtrl,
    "rflo": rflo,
    "uoro": uoro,
    "kf_rtrl": kf_rtrl,
    "reverse_kf_rtrl": reverse_kf_rtrl,
    "kernl": kernl,
    "dni": dni,
    "future_bptt": future_bptt,
    "efficient_bptt": efficient_bptt,
}

__all__ = [
    "FAMILY",
    "Course",
    "Moment",
    "OnlineRule",
    "Point",
    "StepwiseRule",
    "at_rest",
    "begin",
    "dni",
    "drive",
    "efficient_bptt",
    "future_bptt",
    "join",
    "kernl",
    "kf_rtrl",
    "local_signals",
    "moment",
    "no_chance",
    "point_at",
    "reverse_kf_rtrl",
    "rflo",
    "rtrl",
    "settle",
    "split",
    "start",
    "stepwise",
    "uoro",
]
