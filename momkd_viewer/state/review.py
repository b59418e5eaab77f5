"""What a review says of one model, as far as it was read, with what is on its way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from momkd_core.verdicts import TERMS, Credible, Subject, Verdict
from momkd_viewer.state.components import VerdictMark
from momkd_viewer.state.overlay_values import ComponentName

_CREDIBLE_WORDS = {"yes": "credible", "no": "not credible", "unsure": "perhaps credible"}


@dataclass(frozen=True)
class Answer:
    """What one reviewer says of one subject; all empty takes it back.

    Attributes:
        term: a tissue; None where that is left open.
        credible: whether the model may rely on it; None where that is left open.
    """

    term: str | None = None
    credible: Credible | None = None
    note: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.term or self.credible or self.note.strip())


@dataclass(frozen=True)
class Undo:
    """A reviewer's wish to take back the last change."""

    reviewer: str
    model_sha256: str
    subject: Subject


#: What is saved in a review, one after the other.
Change = Verdict | Undo


@dataclass(frozen=True)
class VerdictView:
    """What a panel shows of one subject; texts are ready to read.

    Attributes:
        signed: who said it and when; '' where nothing was said.
        others: what others say; empty while blinded.
        agreement: how far reviewers agree; '' where one alone has judged.
        history: every change, newest first.
        can_undo: whether a change of one's own is left to take back.
    """

    answer: Answer = Answer()
    signed: str = ""
    others: tuple[str, ...] = ()
    agreement: str = ""
    history: tuple[str, ...] = ()
    can_undo: bool = False


@dataclass
class ReviewRows:
    """Every row on one model, and what follows from them.

    Attributes:
        waiting: one's own verdicts that are not saved yet, oldest first.
        last: number of the last row that was read; 0 before the first.

    A team's review of a cohort has tens of thousands of rows, and panels ask at every click: rows are
    found by subject, and what counts by case.
    """

    model_sha256: str
    terms: tuple[str, ...] = TERMS
    waiting: list[Verdict] = field(default_factory=list)
    last: int = 0
    _rows: dict[Subject, list[Verdict]] = field(default_factory=dict)
    _counting: dict[str | None, dict[tuple[Subject, str], Verdict]] = field(default_factory=dict)

    def take(self, rows: Iterable[Verdict]) -> bool:
        """Adds rows that were read; what is known already is left out. Whether there were new ones."""
        before = self.last
        for row in rows:
            if row.number <= before or row.model_sha256 != self.model_sha256:
                continue
            self.last = row.number
            self._rows.setdefault(row.subject, []).append(row)
            counting = self._counting.setdefault(row.subject.case_id, {})
            if row.withdrawn:
                counting.pop((row.subject, row.reviewer), None)
            else:
                counting[row.subject, row.reviewer] = row
        return self.last > before

    @property
    def current(self) -> list[Verdict]:
        """What counts of every reviewer on every subject, as far as it is saved."""
        return [row for counting in self._counting.values() for row in counting.values()]

    @property
    def cases(self) -> set[str]:
        """Cases on which, or in which, something was said."""
        said = {verdict.subject.case_id for verdict in self.waiting} | set(self._counting)
        return {case_id for case_id in said if case_id is not None}

    def _of_case(self, case_id: str | None) -> dict[tuple[Subject, str], Verdict]:
        """What counts on a case and on components in it; None: on components as such."""
        return self._counting.get(case_id, {})

    def own(self, subject: Subject, reviewer: str) -> Verdict | None:
        """What a reviewer of this window says now, saved or not; None where that is nothing."""
        said = [v for v in self.waiting if v.subject == subject and v.reviewer == reviewer]
        if said:
            return None if said[-1].withdrawn else said[-1]
        return self._of_case(subject.case_id).get((subject, reviewer))

    def of(self, subject: Subject) -> list[Verdict]:
        """What counts on a subject, in saved order."""
        return [v for v in self._of_case(subject.case_id).values() if v.subject == subject]

    def view(self, subject: Subject, reviewer: str, *, blinded: bool, kappa: str) -> VerdictView:
        """What a panel shows.

        Args:
            kappa: of all reviewers, in words; '' where there is none.
        """
        own = self.own(subject, reviewer)
        rows = self._rows.get(subject, [])
        if blinded:
            rows = [row for row in rows if row.reviewer == reviewer]
        counting = [] if blinded else self.of(subject)
        answer = Answer() if own is None else Answer(own.term, own.credible, own.note)
        return VerdictView(
            answer,
            "" if own is None else _signed(own),
            tuple(f"{v.reviewer}: {said(v)}" for v in counting if v.reviewer != reviewer),
            _agreement(counting, kappa),
            tuple(f"{when(row)}  {row.reviewer}: {said(row)}" for row in reversed(rows)),
            bool(standing(row for row in rows if row.reviewer == reviewer)),
        )

    def marks(
        self, reviewer: str, case_id: str | None, *, blinded: bool
    ) -> dict[ComponentName, VerdictMark]:
        """Chips of components: one's own verdict, else one for this case alone, else another's."""
        found: dict[ComponentName, tuple[int, Verdict]] = {}
        counting = {
            **self._of_case(None),
            **self._of_case(case_id),
            **{(v.subject, v.reviewer): v for v in self.waiting},
        }
        for (subject, who), verdict in counting.items():
            here = subject.case_id is not None and subject.case_id == case_id
            if subject.index is None or subject.memory is None or verdict.withdrawn:
                continue
            if (subject.case_id is not None and not here) or (blinded and who != reviewer):
                continue
            name = ComponentName(subject.memory, subject.index)
            rank = 2 * (who == reviewer) + (subject.case_id is None)
            if name not in found or rank >= found[name][0]:
                found[name] = rank, verdict
        return {
            name: VerdictMark(_chip(verdict, reviewer), verdict.credible)
            for name, (_, verdict) in found.items()
        }

    def case_mark(self, subject: Subject, reviewer: str, *, blinded: bool) -> VerdictMark | None:
        """The chip of a case: one's own verdict, else the last of another's."""
        own = self.own(subject, reviewer)
        others = [] if blinded else [v for v in self.of(subject) if v.reviewer != reviewer]
        verdict = own or (others[-1] if others else None)
        if verdict is None:
            return None
        who = "" if verdict.reviewer == reviewer else f" · {verdict.reviewer}"
        return VerdictMark((verdict.term or "judged") + who, verdict.credible)


def standing(rows: Iterable[Verdict]) -> list[Verdict]:
    """One reviewer's rows on one subject that an undo could still take back, oldest first."""
    kept = list(rows)
    undone = {row.undoes for row in kept}
    return [row for row in kept if row.undoes is None and row.number not in undone]


def said(verdict: Verdict) -> str:
    """A verdict in words."""
    if verdict.withdrawn:
        return "taken back"
    parts = [verdict.term or "", _CREDIBLE_WORDS.get(verdict.credible or "", "")]
    note = " ".join(verdict.note.split())
    words = [*filter(None, parts), *([f"“{note}”"] if note else [])]
    words += ["blinded"] if verdict.blinded else []
    return ", ".join(words)


def when(verdict: Verdict) -> str:
    """Its time, where the reader is."""
    return f"{verdict.time.astimezone():%d %b %Y %H:%M}"


def _signed(verdict: Verdict) -> str:
    saved = "" if verdict.number else " · not saved yet"
    blind = " · blinded" if verdict.blinded else ""
    return f"{verdict.reviewer}, {when(verdict)}{blind}{saved}"


def _chip(verdict: Verdict, reviewer: str) -> str:
    words = verdict.term or ("note" if verdict.credible is None else "")
    here = "" if verdict.subject.case_id is None else "in this case"
    other = "" if verdict.reviewer == reviewer else verdict.reviewer
    return " · ".join(filter(None, (words, here, other))) or "judged"


def _agreement(counting: list[Verdict], kappa: str) -> str:
    terms = Counter(v.term for v in counting if v.term)
    judged = sum(terms.values())
    if judged < 2:
        return ""
    term, most = terms.most_common(1)[0]
    share = f"{most} of {judged} reviewers agree on {term}"
    if most == 1:
        share = f"{judged} reviewers name {judged} tissues"
    return f"{share}; {kappa}" if kappa else share
