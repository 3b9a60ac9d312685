"""Elements and attributes of HTML by what they mean to a translation."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Elements without content.
VOID = _names(
    """
    area base basefont bgsound br col command embed frame hr image img input keygen link
    meta param source track wbr
    """
)

# Elements that begin and end a segment; all others, custom ones too, are inside of text.
BLOCKS = _names(
    """
    address applet article aside audio blockquote body button canvas caption center col
    colgroup datalist dd details dialog dir div dl dt fieldset figcaption figure footer form
    frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe label legend li link
    listing main map marquee menu meta nav noframes noscript object ol optgroup option p
    param plaintext pre script search section select slot source style summary table tbody
    td template textarea tfoot th thead title tr track ul video xmp
    """
)

# Elements whose content is not translated. Those that are no blocks stay a part of their sentence.
KEPT = _names(
    """
    code kbd math noembed noframes pre samp script style svg textarea tt var xmp iframe
    canvas plaintext listing
    """
)

# Kept elements that no reader reads as words of the sentence.
WORDLESS = frozenset({"svg", "script", "style", "textarea", "iframe", "canvas", "math", "noembed"})

# Classes by which pages ask that nothing is translated; icon fonts have names of icons as text.
KEPT_CLASSES = frozenset(
    {"notranslate", "skiptranslate", "no-translate", "material-icons", "material-symbols-outlined"}
)

# Elements that end, without an end tag, where one of these begins.
_BLOCK_IN_PARAGRAPH = BLOCKS - _names(
    """
    audio body button canvas head html iframe label link map meta noscript object option optgroup
    param script select slot source style template textarea title track video
    """
)
IMPLIED_ENDS: dict[str, frozenset[str]] = {
    "p": _BLOCK_IN_PARAGRAPH,
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "option": frozenset({"option", "optgroup"}),
    "optgroup": frozenset({"optgroup"}),
    "td": frozenset({"td", "th", "tr", "tbody", "thead", "tfoot"}),
    "th": frozenset({"td", "th", "tr", "tbody", "thead", "tfoot"}),
    "tr": frozenset({"tr", "tbody", "thead", "tfoot"}),
    "tbody": frozenset({"tbody", "thead", "tfoot"}),
    "thead": frozenset({"tbody", "thead", "tfoot"}),
    "tfoot": frozenset({"tbody", "thead", "tfoot"}),
}

# Attributes with text, on any element or on some.
TEXT_ATTRIBUTES: dict[str, frozenset[str] | None] = {
    "title": None,
    "alt": None,
    "placeholder": None,
    "aria-label": None,
    "aria-description": None,
    "aria-placeholder": None,
    "aria-roledescription": None,
    "aria-valuetext": None,
    "label": frozenset({"option", "optgroup", "track", "menuitem"}),
    "summary": frozenset({"table"}),
    "abbr": frozenset({"th"}),
}

# Names of <meta> whose content is text.
TEXT_METAS = frozenset(
    {
        "description",
        "keywords",
        "og:title",
        "og:description",
        "og:image:alt",
        "og:site_name",
        "twitter:title",
        "twitter:description",
        "twitter:image:alt",
        "dc.title",
        "dc.description",
        "apple-mobile-web-app-title",
    }
)

# Types of <input> whose value is the text on a button.
BUTTON_TYPES = frozenset({"submit", "button", "reset"})
