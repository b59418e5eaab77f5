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
    """

    model_sha256: str
    terms: tuple[str, ...] = TERMS
    waiting: list[Verdict] = field(default_factory=list)
    _rows: list[Verdict] = field(default_factory=list)

    @property
    def last(self) -> int:
        """Number of the last row that was read; 0 before the first."""
        return self._rows[-1].number if self._rows else 0

    def take(self, rows: Iterable[Verdict]) -> bool:
        """Adds rows that were read; what is known already is left out. Whether there were new ones."""
        last = self.last
        new = [row for row in rows if row.number > last and row.model_sha256 == self.model_sha256]
        self._rows += new
        return bool(new)

    @property
    def current(self) -> dict[tuple[Subject, str], Verdict]:
        """What counts, by subject and reviewer, as far as it is saved."""
        latest = {(row.subject, row.reviewer): row for row in self._rows}
        return {key: row for key, row in latest.items() if not row.withdrawn}

    def own(self, subject: Subject, reviewer: str) -> Verdict | None:
        """What a reviewer of this window says now, saved or not; None where that is nothing."""
        said = [v for v in self.waiting if v.subject == subject and v.reviewer == reviewer]
        if said:
            return None if said[-1].withdrawn else said[-1]
        return self.current.get((subject, reviewer))

    def of(self, subject: Subject) -> list[Verdict]:
        """What counts on a subject, in saved order."""
        return [v for (about, _), v in self.current.items() if about == subject]

    def view(self, subject: Subject, reviewer: str, *, blinded: bool, kappa: str) -> VerdictView:
        """What a panel shows.

        Args:
            kappa: of all reviewers, in words; '' where there is none.
        """
        own = self.own(subject, reviewer)
        rows = [row for row in self._rows if row.subject == subject]
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
        counting = {**self.current, **{(v.subject, v.reviewer): v for v in self.waiting}}
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
