"""Random text that a translation keeps: addresses, placeholders, markup, names of files, numbers.

Every function takes the `Random` that makes its choices.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


_STEMS = _words(
    "name user count title date file path item total price order id email city page size type key",
    "value index token code lang url link host port start end days hours text first last number",
    "app shop docs blog mail news data test demo api web site help login home main image photo",
    "report invoice budget notes summer house garden music video weather team project alpha beta",
)
_ENDINGS = ("com", "org", "net", "es", "io", "edu", "co.uk", "de", "info", "dev", "mx", "gov")
_SUFFIXES = ("txt", "pdf", "py", "json", "md", "csv", "png", "docx", "html", "zip", "jpg", "xlsx")
_SYLLABLES = [c + v for c in "bcdfghjklmnprstvwxyz" for v in "aeiou"]
_TAGS = ("b", "i", "em", "strong", "p", "a", "span", "code", "li", "h1", "h2", "u", "div", "br")
_LINE_MARKS = (("- ", ""), ("# ", ""), ("> ", ""))
_EMOJI = _words("😀 😂 😊 😍 🙂 😉 😢 😎 👍 👏 🙏 🎉 🔥 ❤ ✅ ⭐ 🚀 💡 📧 📞")
_NAMES = _words(
    "Anna Tom Maria Ahmed Chen Olga Peter Lucia Kofi Yuki Ivan Sarah Diego Emma Hassan Nora Priya",
    "Kowalski Schmidt Okafor Nguyen Rossi Jensen Silva Tanaka Novak Haddad O'Brien Dubois Larsen",
)


def word(random: Random) -> str:
    """A stem, made-up syllables or a few random letters and digits."""
    kind = random.randrange(10)
    if kind < 5:
        return random.choice(_STEMS)
    if kind < 8:
        return "".join(random.choice(_SYLLABLES) for _ in range(random.randrange(1, 4)))
    letters = string.ascii_lowercase + ("" if kind == 8 else string.digits)
    return "".join(random.choice(letters) for _ in range(random.randrange(1, 9)))


def identifier(random: Random) -> str:
    """A word, or two in one of the usual ways; never a digit first."""
    first, second = word(random), word(random)
    if first[0].isdigit():
        first = "x" + first
    return random.choice(
        (first, first, first, f"{first}_{second}", first + second.capitalize(), first.upper())
    )


def digits(count: int, random: Random) -> str:
    """A number of that many digits, its first not 0 if it has several."""
    least = 10 ** (count - 1) if count > 1 else 0
    return str(random.randrange(least, 10**count))


def repeating(count: int, random: Random) -> str:
    """A number of that many digits, the next one often the same again; its first not 0."""
    made = random.choice("123456789")
    while len(made) < count:
        made += made[-1] if random.random() < 0.4 else random.choice("0123456789")
    return made


def long_number(random: Random) -> str:
    """A number of one to nine digits that often repeat, whole or in groups."""
    made = repeating(random.randrange(1, 10), random)
    if len(made) > 3 and random.random() < 0.25:
        cut = random.randrange(1, len(made) - 1)
        return made[:cut] + random.choice(".,:-/ ") + made[cut:]
    return made


def number(random: Random) -> str:
    """A whole number, a decimal, a version, a price, a time, a phone number or a code."""
    n = random.randrange(10)
    if n < 4:
        return digits(random.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 8)), random)
    if n == 4:
        return f"{digits(random.randrange(1, 4), random)}.{digits(random.randrange(1, 4), random)}"
    if n == 5:
        return f"{random.randrange(24)}:{random.randrange(60):02d}"
    if n == 6:
        version = ".".join(str(random.randrange(20)) for _ in range(random.choice((2, 3))))
        return random.choice(("", "v")) + version
    if n == 7:
        return random.choice("ABCDEFGHKLMNPRSTX") + "-" + digits(random.randrange(2, 6), random)
    if n == 8:
        return f"{digits(3, random)}-{digits(3, random)}-{digits(4, random)}"
    return f"{digits(4, random)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"


def address(random: Random) -> str:
    """A web address with as much behind the host as chance has it."""
    host = f"{word(random)}.{random.choice(_ENDINGS)}"
    if random.random() < 0.3:
        host = random.choice(("www", word(random))) + "." + host
    path = "".join(f"/{word(random)}" for _ in range(random.choice((0, 0, 1, 1, 2, 3))))
    if path and random.random() < 0.3:
        path += "." + random.choice(("html", "php", "pdf"))
    if random.random() < 0.25:
        path += f"?{word(random)}={random.choice((word(random), digits(2, random)))}"
        if random.random() < 0.3:
            path += f"&{word(random)}={word(random)}"
    if random.random() < 0.1:
        path += f"#{word(random)}"
    scheme = random.choice(("https://", "https://", "https://", "http://", ""))
    if not scheme and not path:
        scheme = "https://"
    return scheme + host + path


def mail(random: Random) -> str:
    """A mail address."""
    local = word(random)
    if random.random() < 0.5:
        local += random.choice((".", "_", "-", "+")) + word(random)
    return f"{local}@{word(random)}.{random.choice(_ENDINGS)}"


def placeholder(random: Random) -> str:
    """A placeholder of Python, printf, a shell or a template."""
    name = identifier(random)
    return random.choice(
        (
            *(f"{{{name}}}", f"{{{name}}}", f"{{{name}}}", f"{{{random.randrange(10)}}}", "{}"),
            *("%s", "%s", "%d", f"%{random.randrange(1, 5)}$s", f"%({name})s", f"%({name})d"),
            *(f"${{{name}}}", f"${{{name}}}", f"${name}", f"{{{{{name}}}}}", f"{{{{ {name} }}}}"),
            *(f"%{{{name}}}", f"<{name}>", f"[{name}]", f":{name}", f"__{name}__", f"@{name}"),
        )
    )


def file_name(random: Random) -> str:
    """A file, a path, a call or a piece of code."""
    name = f"{word(random)}.{random.choice(_SUFFIXES)}"
    return random.choice(
        (
            *(name, name, f"/{word(random)}/{word(random)}", f"/{word(random)}/{name}"),
            *(f"{identifier(random)}()", f"`{identifier(random)}`", f"`{name}`"),
            *(f"C:\\{word(random)}\\{name}", f"#{word(random)}", f"~/{word(random)}/{name}"),
            *(f"{identifier(random)}={word(random)}", f"{identifier(random)}[0]"),
            f"--{word(random)}",
        )
    )


def name(random: Random) -> str:
    """A first name or a surname."""
    made_up = "".join(random.choice(_SYLLABLES) for _ in range(random.randrange(2, 4)))
    return random.choice((random.choice(_NAMES), random.choice(_NAMES), made_up.capitalize()))


def emoji(random: Random) -> str:
    """One emoji."""
    return random.choice(_EMOJI)


def around(random: Random) -> tuple[str, str]:
    """An opening and a closing that stand around a text."""
    tag = random.choice(_TAGS)
    if tag == "br":
        return "", "<br>"
    if tag == "a":
        return f'<a href="{address(random)}">', "</a>"
    marks = random.choice(
        (("**", "**"), ("*", "*"), ("[", "]"), ("- ", ""), ("# ", ""), ("> ", ""))
    )
    return random.choice(((f"<{tag}>", f"</{tag}>"), (f"<{tag}>", f"</{tag}>"), marks))


def wrapped(text: str, random: Random) -> str:
    """The text within markup."""
    opening, closing = around(random)
    return opening.strip() + text + closing if closing else f"<b>{text}</b>"


KINDS: dict[str, Callable[[Random], str]] = {
    "url": address,
    "mail": mail,
    "var": placeholder,
    "file": file_name,
    "num": number,
    "name": name,
    "emoji": emoji,
}
_WEIGHTS = {"url": 6, "mail": 4, "var": 9, "file": 4, "num": 5, "name": 1, "emoji": 1}


def anything(random: Random) -> str:
    """A thing of any kind."""
    kind = random.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
    return KINDS[kind](random)
