"""What is measured: each module yields rows of the report."""
