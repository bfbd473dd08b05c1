"""Pictures keep their blanks and the places of their signs, and stay XML."""

from xml.etree import ElementTree

from tui_app.picture import for_every_renderer

HEAD = '<svg xmlns="http://www.w3.org/2000/svg">'


def texts(body: str, length: float) -> list[tuple[float, str | None]]:
    text = f'<text class="r1" x="10" y="4" textLength="{length}" clip-path="url(#a)">{body}</text>'
    found = ElementTree.fromstring(f"{HEAD}{for_every_renderer(text)}</svg>")
    return [(float(each.attrib["x"]), each.text) for each in found]


def test_words_keep_their_blanks() -> None:
    picture = for_every_renderer('<text class="r1" x="1" y="4" textLength="30" a="b"> 0.6 s</text>')
    assert picture.startswith('<text xml:space="preserve" class="r1" x="1"')
    assert texts(" 0.6 s", 60) == [(10.0, " 0.6 s")]


def test_each_sign_of_a_chart_has_its_place_also_beside_what_xml_must_not_have_bare() -> None:
    assert texts("\u2500\u28ff &lt;&amp;", 50) == [
        (10.0, "\u2500"),
        (20.0, "\u28ff"),
        (40.0, "<"),
        (50.0, "&"),
    ]
