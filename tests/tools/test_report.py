"""Tables in documents are those that were measured."""

import json

from tests.conftest import ROOT
from tools.report import filled


def test_the_accuracy_page_shows_the_tables_that_were_measured():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    assert text.count("<!-- table ") > 10
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
