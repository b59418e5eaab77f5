"""A training in words: how it stands, how far it is, what it reached."""

from __future__ import annotations

from momkd_viewer.state.training_run import ALL_CASES, TrainingRun

_NO_CURVES = {
    "not begun": "No epoch has been trained.",
    "running": "Curves appear with the first epoch; cases and features are checked before it.",
    "stopped": "It stopped before its first epoch.",
    "failed": "It failed before its first epoch.",
    "finished": "The run keeps no history.",
}


def headline(run: TrainingRun) -> str:
    """What is trained."""
    asked = run.asked
    if "task" not in asked:
        return "A training that has not said what it is of yet"
    return (
        f"{asked['task']}: {asked['positive']} against {asked.get('negative', '?')}, "
        f"{asked.get('cases', '?')} cases, {asked.get('method', 'momkd')}, "
        f"preset {asked.get('preset', '?')}"
    )


def standing(run: TrainingRun) -> str:
    """How it stands, in one line."""
    if run.status == "running":
        return _running(run)
    folds = _folds(run)
    word = run.status.capitalize()
    parts = [f"{word}: {run.problem}" if run.problem else f"{word}."]
    if run.status != "finished" and folds:
        parts.append(f"{folds} trained.")
    if run.status == "stopped" and run.command is None:
        parts.append("It was begun on a command line: the same command goes on with it there.")
    if told := reached(run):
        parts.append(told)
    return " ".join(parts)


def reached(run: TrainingRun) -> str:
    """AUC of the held-out folds; '' while there is none."""
    auc = run.summary.get("auc") or {}
    if auc.get("mean") is None:
        return ""
    sd = "" if auc.get("sd") is None else f" ± {auc['sd']:.3f}"
    low, high = auc.get("low"), auc.get("high")
    interval = "" if low is None or high is None else f" (95 % {low:.3f} to {high:.3f})"
    return f"Held-out AUC {auc['mean']:.3f}{sd} over folds{interval}."


def short(run: TrainingRun) -> str:
    """For a row of a list."""
    if run.status == "running" and run.share_done == 1.0:
        return "running, all cases"
    if run.status == "running" and run.share_done is not None:
        return f"running, {run.share_done:.0%}"
    auc = (run.summary.get("auc") or {}).get("mean")
    if run.status == "finished" and auc is not None:
        return f"finished, AUC {auc:.3f}"
    return run.status


def why_no_curves(run: TrainingRun) -> str:
    """What stands in a plot without curves."""
    return _NO_CURVES[run.status]


def fold_names(run: TrainingRun) -> list[tuple[str, str]]:
    """(name, text) of what can be looked at alone."""
    return [
        (fold.name, "All cases" if fold.name == ALL_CASES else f"Fold {fold.name}")
        for fold in run.folds
    ]


def _running(run: TrainingRun) -> str:
    current = run.current
    if run.folds_asked is None:
        return f"Running: {run.log[-1].partition(' | ')[0]}" if run.log else "Running: starting"
    if run.folds_finished >= run.folds_asked:
        epochs = f", epoch {current.epochs}" if current is not None else ""
        return f"Running: all folds are trained; now the model of all cases{epochs}"
    if current is None or current.name == ALL_CASES:
        return f"Running: {_folds(run)} trained"
    epochs = f"epoch {current.epochs} of {run.epochs_asked}"
    left = run.seconds_left
    told = "" if left is None else f"; at most {_duration(left)} left for the folds"
    # Folds are numbered from 0, as everywhere.
    return f"Running: fold {current.name}, {epochs}; {_folds(run)} trained{told}"


def _folds(run: TrainingRun) -> str:
    if run.folds_asked is None:
        return ""
    return f"{run.folds_finished} of {run.folds_asked} folds"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
