#!/usr/bin/env python3
"""What can go wrong with the project's pages without a reader noticing, as a test.

  tests/pages.py [ROOT]    prints every fault as FILE:LINE: what; exit code 1 if there is any

- A relative link must lead to a file or folder of the project, and its anchor to a heading of that page.
- service/README.md must name every source file of service/, so that the map stays complete.
- A function that the map names after a file must be in that file.
- The life of a cancel must name, in each row, transcripts that exist.
- No page uses a word that native readers stumble over and that has a plain one.
"""

import re
import sys
from pathlib import Path

MAP = "service/README.md"
DESIGN, LIFE = "service/DESIGN.md", "## Life of a cancel"
LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
# `file.cpp`, `function()`, `another()`: functions belong to the file before them.
# And what to write instead.
WORDS = {"whoever": "name the strategy, operator, worker or peer", "for ever": "always", "mend": "fix", "mends": "fixes",
         "mended": "fixed", "benched": "unavailable", "odd about": "unlike"}
NAMED = re.compile(r"`([\w./]+\.(?:cpp|hpp))`|`(\w+)\((?:\w*)\)`")


def pages(root):
    return sorted(page for page in root.rglob("*.md") if not page.relative_to(root).parts[0].startswith((".git", "build")))


def without_code(text):
    """The text with fenced blocks and indented examples blanked, so that line numbers stay."""
    lines, fenced = [], False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        lines.append("" if fenced or fence or line.startswith("    ") else line)
        fenced ^= fence
    return lines


def anchor_of(heading):
    """As forges make it: without markup and punctuation, blanks as hyphens."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors(text):
    found = set()
    for line in without_code(text):
        heading = re.match(r"#{1,6} (.*)", line)
        if not heading:
            continue
        anchor, number = anchor_of(heading[1]), 0
        while (anchor if number == 0 else f"{anchor}-{number}") in found:
            number += 1
        found.add(anchor if number == 0 else f"{anchor}-{number}")
    return found


def broken_links(root, page):
    for number, line in enumerate(without_code(page.read_text()), 1):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            where = f"{page.relative_to(root)}:{number}"
            if not file.exists():
                yield f"{where}: {target}: there is no such file"
            elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text())):
                yield f"{where}: {target}: the page has no such heading"


def unnamed_files(root):
    """Source files of service/ that the map does not name. A name stands for its header and its .cpp."""
    named = {word for code in re.findall(r"`([^`]+)`", (root / MAP).read_text()) for word in re.findall(r"[\w./]+", code)}
    for file in sorted((root / "service").rglob("*.?pp")):
        path = file.relative_to(root / "service")
        names = {file.stem, file.name, str(path), str(path.with_suffix(""))}
        if not names & named:
            yield f"{MAP}:1: does not name {path}"


def missing_functions(root):
    for number, line in enumerate((root / MAP).read_text().splitlines(), 1):
        file = None
        for path, function in NAMED.findall(line):
            if path:
                file = root / "service" / path
                if "/" in path and not file.exists():
                    yield f"{MAP}:{number}: there is no {path}"
            elif file and file.exists() and not re.search(rf"\b{function}\(", file.read_text()):
                yield f"{MAP}:{number}: {file.relative_to(root)} has no {function}()"


def missing_scenarios(root):
    design = root / DESIGN
    inside = False
    for number, line in enumerate(design.read_text().splitlines() if design.exists() else [], 1):
        inside = line == LIFE or inside and not line.startswith("## ")
        row = re.match(r"\| [^-].* \| ([^|]*) \|$", line) if inside else None
        if not row or row[1] == "scenario":
            continue
        named = re.findall(r"`(\w+)`", row[1])
        if not named:
            yield f"{DESIGN}:{number}: names no scenario"
        yield from (f"{DESIGN}:{number}: there is no tests/scenario/{name}.txt" for name in named
                    if not (root / "tests" / "scenario" / f"{name}.txt").exists())


def unplain_words(root, page):
    for number, line in enumerate(without_code(page.read_text()), 1):
        for word, instead in WORDS.items():
            if re.search(rf"\b{word}\b", line, re.IGNORECASE):
                yield f"{page.relative_to(root)}:{number}: {word}: write something plain ({instead})"


def faults(root):
    for page in pages(root):
        yield from broken_links(root, page)
        yield from unplain_words(root, page)
    yield from unnamed_files(root)
    yield from missing_functions(root)
    yield from missing_scenarios(root)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    found = list(faults(root))
    print("\n".join(found) if found else f"{len(pages(root))} pages: every link leads somewhere, and all words are plain")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
