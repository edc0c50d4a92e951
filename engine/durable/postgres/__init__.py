"""The store that many machines share, in Postgres."""
