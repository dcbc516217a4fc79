"""Listings that say how many records there are: listed again while fewer came, then a gap.

Pages that are asked one after another may shift when the order changes in between; the total shows what slipped.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from evidence.capture import Gap
from evidence.sources.github.feed import identity

if TYPE_CHECKING:
    from evidence.sources.github.inquiry import Inquiry, Question

MOST = 1000  #: what GitHub lists of a filtered listing, however many there are
_RELISTS = 2


def counted(inquiry: Inquiry, question: Question, name: str, *, most: int = 0) -> list[Any] | None:
    """The items of a listing that says how many there are; listed again while fewer came, then a gap.

    Args:
        name: what the outcome's totals call it.
        most: None is returned if there are more than that; 0 = however many.
    """
    items: dict[int, Any] = {}
    total = 0
    for _ in range(_RELISTS + 1):
        items = {}
        for page in inquiry.pages(question):
            if page.status == HTTPStatus.NOT_FOUND:
                return []
            total = int(page.value.get("total_count", len(page.items)))
            if most and total > most:
                return None
            items.update({identity(item, "id", question.name): item for item in page.items})
        inquiry.totals[name] = total
        if len(items) >= min(total, MOST):
            return list(items.values())
    cause = f"{name}: GitHub counts {total}, but lists {len(items)}"
    inquiry.gaps.append(Gap(inquiry.window.start, inquiry.window.end, cause))
    return list(items.values())
