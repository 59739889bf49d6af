"""Reports: the summary on the console, as Markdown, JSON, JUnit XML and HTML page, and the bills of materials."""
