"""What TDC, MKD and G-HANet have in common: expression teaches, histology answers."""

from __future__ import annotations

import pytest
import torch
from teaching import GENES, WIDTH, begun, cohort, probabilities, train, without_expression

from momkd_core.comparators.comparator import Comparator
from momkd_core.comparators.ghanet import GHANet
from momkd_core.comparators.mkd import MKD
from momkd_core.comparators.tdc import TDC
from momkd_core.evaluation import auc

# Epochs in which a small set is known by heart; slides, and epochs, that teach a rule.
_BY_HEART = {"tdc": 24, "mkd": 40, "ghanet": 8}
_A_RULE = {"tdc": (24, 6), "mkd": (48, 10), "ghanet": (24, 2)}

METHODS = pytest.mark.parametrize("kind", [TDC, MKD, GHANet], ids=lambda kind: kind.name)


@METHODS
def test_a_slide_alone_is_answered_and_its_attention_sums_to_one(kind: type[Comparator]) -> None:
    method = kind(WIDTH, 0).eval()  # as for prediction: no genes are known
    for patches in (1, 4, 300):
        features = torch.randn(patches, WIDTH)
        with torch.no_grad():
            said, again = method.score(features), method.score(features)
        assert said.logits.shape == (2,)
        assert said.attention is not None
        assert said.attention.shape == (patches,)
        assert float(said.attention.sum()) == pytest.approx(1, abs=1e-5)
        assert torch.equal(said.logits, again.logits)


@METHODS
def test_every_weight_that_is_learned_gets_a_gradient(kind: type[Comparator]) -> None:
    slides = cohort(8, seed=1, genes=600)  # more than a token of MKD
    method = begun(kind, slides)
    moved = set()
    for epoch in (0, 1):  # both stages of TDC
        method.begin_epoch(epoch, 2)
        terms = method.losses(slides)
        assert all(term.ndim == 0 and torch.isfinite(term) for term in terms.values())
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        moved |= {n for n, p in method.named_parameters() if p.grad is not None and p.grad.any()}
        method.after_step()
    learned = {name for name, p in method.named_parameters() if p.requires_grad}
    # A softmax does not know what is added to all of its scores.
    assert learned - moved <= {name for name in learned if name.endswith("logit.bias")}


@METHODS
def test_it_learns_a_small_set_by_heart(kind: type[Comparator]) -> None:
    slides = cohort(6, seed=2, witnesses=False)
    method = begun(kind, slides)
    train(method, slides, _BY_HEART[kind.name])
    assert [p > 0.5 for p in probabilities(method, slides)] == [s.label == 1 for s in slides]


@METHODS
def test_it_finds_the_few_patches_that_make_a_slide_positive(kind: type[Comparator]) -> None:
    count, epochs = _A_RULE[kind.name]
    slides = cohort(count, seed=3)
    method = begun(kind, slides)
    train(method, slides, epochs, a_pass=count // 3)
    unseen = without_expression(cohort(40, seed=4))
    area = auc([slide.label for slide in unseen], probabilities(method, unseen))
    assert area is not None
    assert area > 0.85


@METHODS
def test_cases_without_expression_teach_too(kind: type[Comparator]) -> None:
    known = cohort(8, seed=5)
    some = [*known[:4], *without_expression(known[4:])]
    method = begun(kind, some)
    for epoch in (0, 1):
        method.begin_epoch(epoch, 2)
        for slides in (some, without_expression(known), some[3:4]):
            terms = method.losses(slides)
            assert terms.keys() == method.losses(known).keys()
            assert torch.isfinite(torch.stack(list(terms.values()))).all()


@METHODS
def test_a_model_file_holds_what_answers_and_no_teacher(kind: type[Comparator]) -> None:
    slides = cohort(8, seed=6)
    method = begun(kind, slides)
    train(method, slides, 2)
    state = method.inference_state()
    assert not [name for name in state if "expression" in name or "teacher" in name]
    again = kind(WIDTH, 0)
    again.load_inference_state(state)
    assert probabilities(again, slides) == probabilities(method, slides)
    assert len(method.state_dict()) > len(state)
    assert GENES not in {size for value in state.values() for size in value.shape}
