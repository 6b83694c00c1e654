"""How blocks are printed that a single run's report does not use: notes, winners, gaps, keys."""

from gen_jax.report import html, markdown
from gen_jax.report.document import Document, Section, Table, Text

TABLE = Table(
    ("", "one | two", "b"),
    (("mse", "1 ± 2", "no encoder"), ("fid", "<3", "4")),
    numeric=(1, 2),
    code=(0,),
    notes=("per *pixel*", ""),
    colours=("", "blue", "red"),
    strong=((0, 1),),
    absent=((0, 2),),
    pinned=True,
)


def printed(*blocks):
    document = Document("t", (), (Section("s", blocks),))
    return markdown.render(document)[0], html.render(document)


def test_a_table_of_models_in_markdown():
    text, _ = printed(TABLE)
    assert text.splitlines()[-4:] == [
        r"|  | one \| two | b |",
        "| --- | ---: | ---: |",
        r"| `mse`<br><small>per \*pixel\*</small> | **1 ± 2** | *no encoder* |",
        "| `fid` | &lt;3 | 4 |",
    ]


def test_a_table_of_models_on_a_page():
    _, page = printed(TABLE)
    assert '<table class="pinned models">' in page
    for part in (
        '<th class="number keyed"><span class="key" style="border-color:var(--blue)"></span>one',
        "<th></th>",
        "<td><code>mse</code><small>per *pixel*</small></td>",
        "<td><code>fid</code></td>",
        '<td class="number keyed"><span class="absent">no encoder</span></td>',
        '<td class="number keyed"><strong>1 ± 2</strong></td>',
        '<td class="number keyed">&lt;3</td>',
        '<td class="number keyed">4</td>',
    ):
        assert part in page


def test_many_models_are_below_the_head_of_their_row():
    wide = Table(("", *"abcd"), (tuple("12345"),), colours=("", "blue", "red", "teal", "ink"))
    assert '<table class="models">' in printed(wide)[1]
    assert '<table class="models many">' in printed(wide._replace(notes=("a note",)))[1]


def test_a_plain_table_has_none_of_it():
    text, page = printed(Table(("a", "b"), (("1", "2"),)))
    assert text.splitlines()[-3:] == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]
    assert "<table><thead><tr><th>a</th><th>b</th></tr></thead>" in page
    assert "<tr><td>1</td><td>2</td></tr>" in page


def test_a_paragraph_is_escaped():
    text, page = printed(Text("a < b *c*"))
    assert text.endswith("\n\na &lt; b \\*c\\*\n")
    assert "<p>a &lt; b *c*</p>" in page
