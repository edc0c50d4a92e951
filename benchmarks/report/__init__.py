"""Reports of results: Markdown, one page of HTML with pictures, and what moved between two runs."""
