"""The generated parts of README and docs."""

from pathlib import Path

import pytest

from experiments.site import documents
from experiments.study.catalogue import experiments
from fmnist_jax.errors import UserError

TEXT = """# A document
<!-- table: report1/tuned -->
What stands here is replaced.
<!-- end -->
Between.
<!-- experiments: beyond -->
<!-- end -->
After.
"""


def test_documents_show_the_stored_results():
    """If this fails, run `python -m experiments tables`."""
    found = ""
    for pattern in documents.PATTERNS:
        for path in documents.ROOT.glob(pattern):
            text = path.read_text("utf-8")
            assert documents.generated(text, path) == text, path
            found += text
    for experiment in experiments():
        marker = f"<!-- experiments: {experiment.group} -->"
        assert marker in found, f"docs/reports.md needs a section with {marker} and <!-- end -->"


def test_generated_parts_are_replaced_and_the_rest_stays():
    text = documents.generated(TEXT, Path("made.md"))
    assert documents.generated(text, Path("made.md")) == text
    before, _, rest = text.partition("<!-- table: report1/tuned -->\n")
    table, _, rest = rest.partition("<!-- end -->\n")
    assert before == "# A document\n"
    assert table.strip() == documents.table("report1/tuned")
    assert rest.startswith("Between.\n<!-- experiments: beyond -->\n")
    assert rest.endswith("<!-- end -->\nAfter.\n")
    assert "python -m experiments beyond/smallest_network`: 21 runs" in rest
    assert "8,16,24: 4978 parameters" in rest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<!-- table: nosuch -->\n<!-- end -->\n", r"made\.md.*nosuch.*report1/table1"),
        ("<!-- experiments: report9 -->\n<!-- end -->\n", r"made\.md.*report9.*report1"),
        ("<!-- table: report1/table1 -->\n", r"made\.md.*end each with <!-- end -->"),
    ],
)
def test_markers_that_do_not_fit_are_refused(text: str, error: str):
    with pytest.raises(UserError, match=error):
        documents.generated(text, Path("made.md"))


def test_only_changed_files_are_written(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    changed, unchanged = tmp_path / "docs/made.md", tmp_path / "README.md"
    changed.write_text(TEXT, "utf-8")
    unchanged.write_text("Nothing generated.\n", "utf-8")
    assert documents.write(tmp_path) == [changed]
    assert documents.write(tmp_path) == []
