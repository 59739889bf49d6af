"""One summary, shown for a terminal or a pipe, as Markdown, and as JUnit XML: each a pure function of the summary."""
