"""One summary, shown for a terminal or a pipe, as Markdown, as JUnit XML, as a page: each a pure function."""
