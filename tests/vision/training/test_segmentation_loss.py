"""Mixed supervision: labels of whole parts, covered cells and marks teach what they know, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mltasks.vision.training.features.place_grid import MARKED, UNKNOWN
from mltasks.vision.training.fit_segmentation import CLEAR, COVERED, TOP_SHARE, segmentation_loss

SHAPE = (1, 10, 12)
# Cells of a part that carry its label
TOP = max(1, round(TOP_SHARE * SHAPE[1] * SHAPE[2]))


def make_cells(seed: int = 1, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (0.5 * torch.randn((count, *SHAPE[1:]), generator=generator)).requires_grad_(True)


def pull(cells: Tensor, places: Tensor, targets: Tensor | None = None) -> Tensor:
    """Return what a step down the gradient would add to each cell; without ``targets`` no image is labeled."""
    if targets is None:
        # A good image with low cells of its own goes first: no batch is without labeled images.
        cells_given = torch.cat([torch.full((1, *cells.shape[1:]), -9.0), cells])
        loss = segmentation_loss(
            torch.zeros(len(cells_given)), cells_given, torch.zeros(1), torch.cat([unknown(), places])
        )
    else:
        loss = segmentation_loss(torch.zeros(len(cells)), cells, targets, places)
    [gradient] = torch.autograd.grad(loss, [cells])
    return -gradient


def unknown() -> Tensor:
    return torch.full(SHAPE, UNKNOWN)


def test_cells_of_which_nobody_said_anything_carry_no_loss() -> None:
    assert pull(make_cells(), unknown()).abs().max() == 0


@pytest.mark.parametrize(("target", "sign"), [(1.0, 1), (0.0, -1)])
def test_a_label_pulls_the_highest_cells_alone(target: float, sign: int) -> None:
    cells = make_cells()
    found = pull(cells, unknown(), torch.tensor([target]))

    assert int((found != 0).sum()) == TOP
    assert (sign * found.flatten()[cells.flatten().topk(TOP).indices] > 0).all()


def test_a_covered_cell_rises_a_clear_one_falls_and_between_nothing_moves() -> None:
    places = unknown()
    places[0, 0, :4] = torch.tensor([1.0, COVERED, (COVERED + CLEAR) / 2, 0.0])
    found = pull(make_cells(), places)

    assert (found[0, 0, :2] > 0).all() and found[0, 0, 2] == 0 and found[0, 0, 3] < 0
    assert found[0, 0, 4:].abs().max() == found[0, 1:].abs().max() == 0


def test_a_few_defective_cells_weigh_as_much_as_all_good_ones() -> None:
    places = torch.zeros(SHAPE)
    places[0, 4, 5:7] = 1
    found = pull(torch.zeros(SHAPE, requires_grad=True), places)

    assert found[places == 1].sum().item() == pytest.approx(-found[places == 0].sum().item(), rel=1e-4)


def test_cells_that_are_right_already_hardly_count() -> None:
    places = torch.zeros(SHAPE)
    cells = torch.full(SHAPE, -3.0)
    cells[0, 0, 0] = 3.0
    found = pull(cells.requires_grad_(True), places)

    assert found[0, 0, 0] < 100 * found[0, 1, 1] < 0


def test_a_mark_raises_the_highest_cells_inside_it_and_says_nothing_of_others() -> None:
    cells, places = make_cells(), unknown()
    places[0, 2:6, 4:8] = MARKED
    found = pull(cells, places)

    inside = found[0, 2:6, 4:8].flatten()
    highest = cells[0, 2:6, 4:8].flatten().topk(4).indices
    assert (inside[highest] > 0).all()
    # A defect need not fill its mark.
    assert int((found != 0).sum()) == 4


def test_a_small_mark_raises_one_cell_at_least() -> None:
    places = unknown()
    places[0, 9, 11] = MARKED
    found = pull(make_cells(), places)

    assert found[0, 9, 11] > 0 and int((found != 0).sum()) == 1


def test_learning_from_a_mark_lifts_the_map_inside_it() -> None:
    places, targets = unknown(), torch.tensor([1.0])
    places[0, 2:6, 4:8] = MARKED
    cells = torch.full(SHAPE, -2.0, requires_grad=True)
    optimizer = torch.optim.SGD([cells], lr=2.0)
    for _ in range(80):
        optimizer.zero_grad()
        segmentation_loss(torch.zeros(1), cells, targets, places).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    inside = cells.detach()[0, 2:6, 4:8]
    assert inside.flatten().topk(4).values.min() > 0
    assert cells.detach()[0, 7:].max() == -2.0


def test_each_image_is_pulled_by_its_own_places() -> None:
    places = torch.cat([unknown(), torch.zeros(SHAPE), unknown()])
    places[2, 1, 1] = MARKED
    found = pull(make_cells(count=3), places)

    assert found[0].abs().max() == 0
    assert (found[1] < 0).all()
    assert int((found[2] != 0).sum()) == 1 and found[2, 1, 1] > 0


def test_pictures_behind_the_labeled_ones_have_no_label() -> None:
    cells, logits = make_cells(count=2), torch.zeros(2, requires_grad=True)
    loss = segmentation_loss(logits, cells, torch.tensor([1.0]), torch.cat([unknown(), unknown()]))
    on_logits, on_cells = torch.autograd.grad(loss, [logits, cells])

    assert on_logits[0] < 0 and on_logits[1] == 0
    assert on_cells[1].abs().max() == 0
