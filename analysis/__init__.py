"""What was found: traces, metrics, figures, reports. Needs no JAX: NumPy, SciPy, h5py, scikit-learn and matplotlib."""

from biocredit import lazily

#: Where each public name lives; looked up on first use.
HOME = {
    "open_trace": "analysis.trace.reader",
    "Trace": "analysis.trace.reader",
    "TraceError": "analysis.trace.reader",
    "TraceWriter": "analysis.trace.writer",
    "cite": "analysis.reports.bibliography",
    "figures": "analysis.plots.figures",
    "export": "analysis.interchange.export",
    "behaviour": "analysis.metrics.behaviour",
    "psychometrics": "analysis.metrics.psychometrics",
}

__all__ = list(HOME)
__getattr__, __dir__ = lazily(__name__, HOME)
