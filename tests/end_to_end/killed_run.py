"""A small run for the tests that kill it: `python -m tests.end_to_end.killed_run FILE EPOCHS`; resumes if it can."""

import sys
from pathlib import Path

from biocredit.circuits import ModularRNN
from biocredit.protocols import Record, TwoPhase, amplitude, interventions, tasks


def build() -> TwoPhase:
    """Build the protocol; every call builds the same one."""
    task = tasks.digits(train=200, test=50)
    net = ModularRNN.chain(task, regions=2, neurons=32, spectral_radius=0.5)
    return TwoPhase(
        net,
        task,
        seeds=2,
        batch_size=20,
        chunk=5,
        records=[amplitude("V1.error"), Record(of="V1.rate", every=7), Record(of="V1.SI->V2.RI", every=3)],
        interventions=[interventions.lesion("V2.SE~>V1.RE", start=300)],
    )


def main(path: str, epochs: int) -> None:
    """Begin or go on."""
    print("ready", flush=True)
    run = build()
    if Path(f"{path}.checkpoint").exists():
        run.resume(path, progress=False)
    else:
        run.train(epochs, record=path, progress=False, overwrite=True)
    print("complete", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
