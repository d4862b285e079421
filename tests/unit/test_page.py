"""An answer of the site as the producer sees it, and how many rows it asks for."""

from __future__ import annotations

from shotgun_producer.page import read_page
from shotgun_producer.page_size import LARGEST, PageSize


def test_rows_come_in_id_order_and_each_once() -> None:
    page = read_page([{"id": 5, "a": 1}, {"id": 3}, {"id": 5, "a": 2}], limit=10)
    assert [row.id for row in page.sightings] == [3, 5]
    assert page.rows[5] == {"id": 5, "a": 1}
    assert not page.is_full


def test_a_full_page_reaches_to_its_last_id() -> None:
    assert read_page([{"id": 5}, {"id": 9}], limit=2).reach == 9


def test_rows_without_an_id_that_fits_are_set_apart() -> None:
    odd = [{}, {"id": None}, {"id": "7"}, {"id": True}, {"id": 0}, {"id": 2**63}]
    page = read_page([*odd, {"id": 7}], limit=10)
    assert [row.id for row in page.sightings] == [7]
    assert list(page.unusable) == odd


def test_a_page_that_never_fits_into_a_transaction_becomes_smaller_until_it_does() -> None:
    size = PageSize()
    for _ in range(10):
        size.failed()
    assert size.rows == 1
    for _ in range(10):
        size.succeeded()
    assert size.rows == LARGEST
