"""Each comparison system is itself: shapes, gradients, what defines it, and that it can learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from comparing import WIDTH, key_patches, small_bags, train_until_right
from torch import Tensor
from torch.nn import functional as F

from momkd_core.comparators.abmil import ABMIL
from momkd_core.comparators.comparator import Comparator, TrainingSlide
from momkd_core.comparators.dsmil import DSMIL
from momkd_core.comparators.dtfd import DTFD, PSEUDO_BAGS, split
from momkd_core.comparators.lookahead import LookaheadRAdam
from momkd_core.comparators.nystrom import NystromAttention, pseudo_inverse, square_side
from momkd_core.comparators.registry import COMPARATORS, comparator
from momkd_core.comparators.transmil import PPEG, TransMIL
from momkd_core.comparators.wikg import WiKG, gather, nearest_tails
from momkd_core.evaluation import auc

HISTOLOGY_ONLY = [name for name in COMPARATORS if not comparator(name).uses_expression]


def made(kind: type[Comparator], seed: int = 0) -> Comparator:
    torch.manual_seed(seed)
    return kind(WIDTH)


@pytest.mark.parametrize("name", HISTOLOGY_ONLY)
@pytest.mark.parametrize("patches", [2, 7, 300])
def test_shapes(name: str, patches: int) -> None:
    """A slide has two logits, attention that sums to 1, and the same answer twice."""
    method = made(comparator(name)).eval()
    features = torch.randn(patches, WIDTH)
    with torch.no_grad():
        found, again = method.score(features), method.score(features)
    assert found.logits.shape == (2,) and torch.equal(found.logits, again.logits)
    assert (found.attention is not None) == method.gives_attention
    if found.attention is not None:
        assert found.attention.shape == (patches,) and (found.attention >= 0).all()
        assert float(found.attention.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", HISTOLOGY_ONLY)
def test_every_weight_is_learned(name: str, bags: list[TrainingSlide]) -> None:
    """The losses of a pass are finite scalars, and a gradient arrives at each weight."""
    method = made(comparator(name)).train()
    optimised = [p for o in method.optimisers() for g in o.param_groups for p in g["params"]]
    assert {id(p) for p in optimised} == {id(p) for p in method.parameters()}
    terms = method.losses(bags[:3])
    assert all(term.ndim == 0 and torch.isfinite(term) for term in terms.values())
    torch.stack(list(terms.values())).sum().backward()
    without = [n for n, p in method.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


@pytest.mark.parametrize("name", HISTOLOGY_ONLY)
def test_a_small_set_is_learned_by_heart(name: str, bags: list[TrainingSlide]) -> None:
    """By its optimisers, at a learning rate for a dozen slides."""
    method = made(comparator(name))
    method.recipe = replace(method.recipe, learning_rate=1e-3)
    assert train_until_right(method, bags, 100)


@pytest.mark.parametrize("name", ["abmil", "dsmil", "dtfd", "wikg"])
def test_key_patches_are_found_in_new_slides(name: str) -> None:
    """As in MUSK, a few patches make a slide positive: new slides are told apart by them."""
    method = made(comparator(name))
    method.recipe = replace(method.recipe, learning_rate=1e-3)
    train_until_right(method, small_bags(60), 15)
    new = small_bags(40, seed=6)
    with torch.no_grad():
        scored = [method.score(slide.features) for slide in new]
    assert auc([s.label for s in new], [float(s.logits.diff()) for s in scored]) > 0.9
    if scored[0].attention is not None:
        on_key = [
            float(s.attention[: key_patches(slide)].sum()) / key_patches(slide) * len(s.attention)
            for s, slide in zip(scored, new, strict=True)
            if slide.label
        ]
        assert np.mean(on_key) > 1.2, "times their even share"


@torch.no_grad()
def test_abmil_weighs_patches_by_gated_attention() -> None:
    """Eq. 9 of its paper, written out; a patch twice is one of weight two."""
    method = made(ABMIL)
    features = torch.randn(6, WIDTH)
    embedded = F.relu(features @ method.embed[0].weight.T + method.embed[0].bias)
    gate = method.attend
    logits = [
        gate.logit.weight[0]
        @ (
            torch.tanh(gate.tanh.weight @ h + gate.tanh.bias)
            * torch.sigmoid(gate.gate.weight @ h + gate.gate.bias)
        )
        for h in embedded
    ]
    expected = torch.softmax(torch.stack(logits), dim=0)
    found = method.score(features)
    assert torch.allclose(found.attention, expected, atol=1e-6)
    doubled = method.score(torch.cat([features, features]))
    assert torch.allclose(doubled.logits, found.logits, atol=1e-5)


# -- DSMIL ------------------------------------------------------------------------------------------


@torch.no_grad()
def test_dsmil_attends_by_similarity_to_the_critical_patch() -> None:
    method = made(DSMIL)
    features = torch.randn(9, WIDTH)
    found = method.streams(features)
    scores = features @ method.instance.weight[0] + method.instance.bias
    assert int(found.critical) == int(scores.argmax())
    assert float(found.highest) == pytest.approx(float(scores.max()), rel=1e-5)
    # A copy of the critical patch has its attention, and none has more of its own query.
    copied = torch.cat([features, features[found.critical][None]])
    again = method.streams(copied)
    assert float(again.attention[-1]) == pytest.approx(float(again.attention[found.critical]))
    # Making another patch critical turns the attention, though the other patches stay.
    other = (int(found.critical) + 1) % 9
    moved = features.clone()
    moved[other] += 20 * method.instance.weight[0].detach() / method.instance.weight.norm() ** 2
    turned = method.streams(moved)
    assert int(turned.critical) == other
    rest = [i for i in range(9) if i not in (other, int(found.critical))]
    ratio = turned.attention[rest] / found.attention[rest]
    assert float(ratio.std() / ratio.mean()) > 1e-3


@torch.no_grad()
def test_dsmil_answers_with_the_mean_of_both_streams() -> None:
    method = made(DSMIL)
    features = torch.randn(9, WIDTH)
    found = method.streams(features)
    bag = (found.attention @ features) @ method.head.weight[0, 0] + method.head.bias[0]
    logits = method.score(features).logits
    assert float(logits[1] - logits[0]) == pytest.approx(float(bag + found.highest) / 2, rel=1e-4)


# -- TransMIL ---------------------------------------------------------------------------------------


def test_transmil_knows_the_order_of_patches_by_ppeg_alone() -> None:
    """Without PPEG and its values' convolution, a permutation of the patches changes nothing."""
    method = made(TransMIL).eval()
    assert isinstance(method, TransMIL)
    features = torch.randn(16, WIDTH)  # a square, so that nothing is repeated
    shuffled = features[torch.randperm(16)]

    def moved() -> float:
        with torch.no_grad():
            return float((method.score(features).logits - method.score(shuffled).logits).norm())

    with torch.no_grad():
        for layer in (method.first, method.second):
            layer.along.weight.zero_()
            layer.iterations = 30  # until the inverse is exact
    with_position = moved()
    with torch.no_grad():
        for convolution in method.position.convolutions:
            convolution.weight.zero_()
    assert moved() < 1e-4 < 1e-3 < with_position


def test_ppeg_convolves_the_square_and_lets_the_class_token_pass() -> None:
    position = PPEG(3)
    tokens = torch.randn(17, 3)
    tokens[1 + 5] = 0
    changed = tokens.clone()
    changed[1 + 5] = 1.0  # row 1, column 1
    with torch.no_grad():
        for convolution in list(position.convolutions)[:2]:
            convolution.weight.zero_()
        moved = (position(tokens, 4) - position(changed, 4)).abs().sum(dim=1)
    near = {1 + 4 * row + column for row in range(3) for column in range(3)}
    assert {int(i) for i in moved.nonzero()} == near


def test_nystrom_is_attention_where_every_token_is_a_landmark() -> None:
    torch.manual_seed(0)
    layer = NystromAttention(16, heads=2, landmarks=64, iterations=40).eval()
    tokens = torch.randn(20, 16)
    with torch.no_grad():
        query, key, value = layer._projected(tokens)
        expected = torch.softmax(query @ key.transpose(1, 2), dim=-1)
        mixed = expected @ value + layer.along(value[None])[0]
        whole = layer.out(mixed.transpose(0, 1).reshape(20, 16))
        assert torch.allclose(layer(tokens), whole, atol=1e-4)
        assert torch.allclose(layer.first_row(tokens), expected[:, 0].mean(dim=0), atol=1e-4)


def test_landmarks_are_means_of_segments() -> None:
    layer = NystromAttention(4, heads=1, landmarks=3)
    marks = layer._marks(torch.arange(28.0).reshape(1, 7, 4))
    assert marks[0, :, 0].tolist() == [4.0, 14.0, 22.0]  # of 3, 2 and 2 tokens


def test_the_pseudo_inverse_inverts() -> None:
    torch.manual_seed(0)
    matrices = torch.softmax(2 * torch.randn(2, 6, 6), dim=-1)
    exact = torch.linalg.pinv(matrices)
    assert torch.allclose(pseudo_inverse(matrices, 40), exact, atol=1e-2, rtol=1e-3)
    assert [square_side(n) for n in (1, 2, 4, 5, 9, 10)] == [1, 2, 2, 3, 3, 4]


def test_lookahead_goes_on_from_half_way() -> None:
    """Five fast steps, then the weights lie half-way between the slow ones and the sixth."""
    fast, slow = (torch.nn.Parameter(torch.tensor([4.0])) for _ in range(2))
    plain = torch.optim.RAdam([fast], lr=0.1)
    ahead = LookaheadRAdam([slow], lr=0.1)
    for step in range(6):
        for parameter, optimiser in ((fast, plain), (slow, ahead)):
            optimiser.zero_grad()
            (parameter**2).sum().backward()
            optimiser.step()
        if step < 5:
            assert torch.equal(fast, slow)
    assert slow.item() == pytest.approx((4.0 + fast.item()) / 2, abs=1e-6)


# -- DTFD-MIL ---------------------------------------------------------------------------------------


def test_dtfd_splits_a_slide_into_pseudo_bags() -> None:
    """All patches once, in equal parts; anew in training, and always alike when it is asked."""
    features = torch.randn(30, WIDTH)
    parts = split(features)
    assert len(parts) == PSEUDO_BAGS and sorted(map(len, parts)) == [7, 7, 8, 8]
    assert sorted(torch.cat(parts).tolist()) == list(range(30))
    assert not torch.equal(torch.cat(parts), torch.cat(split(features)))
    assert [len(part) for part in split(features[:2])] == [1, 1]


def test_dtfd_hands_pooled_pseudo_bags_to_the_second_tier() -> None:
    """Attention is that of both tiers, and each pseudo-bag learns the slide's label."""
    method = made(DTFD)
    assert isinstance(method, DTFD)
    features = torch.randn(30, WIDTH)
    parts = split(features)
    found = method.tiers(features, parts)
    assert found.pseudo.shape == (4, 2)
    embedded = method.embed(features)
    read = method.second_head(found.attention @ embedded).detach()
    assert torch.allclose(found.slide, read, atol=1e-5)
    pooled = torch.stack([method.first(embedded[p]) @ embedded[p] for p in parts])
    of_bags = torch.stack([found.attention[p].sum() for p in parts])
    assert torch.allclose(of_bags, method.second(pooled), atol=1e-6)
    torch.manual_seed(3)
    terms = method.losses([TrainingSlide(features, None, 1, "a")])
    torch.manual_seed(3)
    again = method.tiers(features, split(features))
    first = F.cross_entropy(again.pseudo, torch.ones(4, dtype=torch.long))
    assert torch.allclose(terms["first_tier"], first, rtol=1e-5)


# -- WiKG -------------------------------------------------------------------------------------------


def test_wikg_edges_have_a_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six edges from every head to its most similar tails; blocks find what the whole matrix has."""
    method = made(WiKG)
    assert isinstance(method, WiKG)
    head, tail = method.ends(torch.randn(50, WIDTH))
    whole = (head @ tail.T).topk(6, dim=1).indices
    assert torch.equal(nearest_tails(head, tail), whole)
    monkeypatch.setattr("momkd_core.comparators.wikg._BLOCK_SIMILARITIES", 350)
    assert torch.equal(nearest_tails(head, tail), whole)
    edges = {(i, int(j)) for i, row in enumerate(whole) for j in row}
    one_way = [(i, j) for i, j in edges if (j, i) not in edges]
    assert one_way
    # Following an edge: its end changes its beginning, and not the other way round.
    start, end = one_way[0]

    def gathered(changed: int) -> Tensor:
        tails = tail.detach().clone()
        tails[changed] += 1.0
        return gather(head.detach(), tails, whole)

    assert not torch.equal(gathered(end)[start], gathered(49)[start]) or end == 49
    assert torch.equal(gathered(start)[start], gather(head, tail, whole).detach()[start]) or (
        start in whole[start]
    )


def test_wikg_in_blocks_is_wikg(monkeypatch: pytest.MonkeyPatch, bags: list[TrainingSlide]) -> None:
    """The answer and the gradients do not depend on the blocks."""
    features = torch.cat([slide.features for slide in bags])
    found = []
    for block in (2048, 17):
        monkeypatch.setattr("momkd_core.comparators.wikg._BLOCK_PATCHES", block)
        method = made(WiKG).eval()
        method.losses([TrainingSlide(features, None, 1, "a")])["ce"].backward()
        found.append([p.grad.clone() for p in method.parameters() if p.grad is not None])
    assert found[0]
    for whole, blocks in zip(*found, strict=True):
        assert torch.allclose(whole, blocks, atol=1e-5)
