"""Every setting as a page: `python -m tests.every_setting` writes docs/settings.md.

What each does is written once, in config/env.example, where it is set; this only lays it out.
"""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
SETTING = re.compile(r"#?([A-Z][A-Z_]+)=(\S*)")
HEAD = """# Every setting

Written by `make settings` from `config/env.example`: copy that to `.env`, or set variables of the
environment, which win. A missing or wrong setting stops a process at its start with one line that
names it, and `runhook doctor` names what is misspelt.

| setting | default | what it does |
|---|---|---|
"""


def settings() -> Iterator[tuple[str, str, str]]:
    """Name, default and meaning of each; those that share a paragraph share its meaning."""
    paragraphs = (ROOT / "config" / "env.example").read_text().split("\n\n")[1:]
    for paragraph in paragraphs:
        words: list[str] = []
        for line in paragraph.splitlines():
            if found := SETTING.fullmatch(line):
                yield found[1], found[2], " ".join(words)
            else:
                words.append(line.removeprefix("#").strip())


def page() -> str:
    """The page as it should be."""
    rows = []
    for name, default, meaning in settings():
        shown = f"`{default}`" if default else ""
        safe = meaning.replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{name}` | {shown} | {safe} |\n")
    return HEAD + "".join(rows)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"{PAGE.name}: {len(list(settings()))} settings")


if __name__ == "__main__":
    main()
