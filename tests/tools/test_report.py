"""Tables in documents are those that were measured."""

import json

import pytest

from tests.conftest import ROOT
from tools.report import filled


@pytest.mark.parametrize(("page", "tables"), [("accuracy.md", 10), ("rhythm.md", 7)])
def test_a_page_shows_the_tables_that_were_measured(page, tables):
    text = (ROOT / "docs" / page).read_text()
    assert text.count("<!-- table ") >= tables
    assert filled(text, ROOT / "docs" / "tables") == text


def test_a_table_is_put_in_its_place_and_again(tmp_path):
    page = "before\n<!-- table some 2 -->\nold\n<!-- end -->\nafter <!-- end -->"
    for value in ("1", "2"):
        (tmp_path / "some.json").write_text(json.dumps({"tables": {"first": "no", "second": f"|{value}|"}}))
        page = filled(page, tmp_path)
        assert page == f"before\n<!-- table some 2 -->\n**second**\n\n|{value}|\n<!-- end -->\nafter <!-- end -->"


def test_what_the_card_says_is_what_was_measured():
    card = json.loads((ROOT / "models" / "released" / "default" / "card.json").read_text())
    measured = json.loads((ROOT / "docs" / "tables" / "validation.json").read_text())["figures"]
    assert card["figures"] == measured
    rhythm = json.loads((ROOT / "docs" / "tables" / "rhythm.json").read_text())["figures"]
    assert card["rhythm"]["figures"] == rhythm
