"""Numbers as Prometheus reads them, read by Prometheus's own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families as parsed

from gateway.server.exposition import Family, Histogram, exposition


def test_a_counter_with_labels() -> None:
    """Labels of any text come back as they were; values add up."""
    family = Family("a_total", "counter", "Says\nwhat \\ it is.")
    hostile = 'a"b\\c\nd{}é'
    family.add({"name": hostile}, 1)
    family.add({"name": hostile}, 1.5)
    sample = next(iter(parsed(exposition([family]).decode()))).samples[0]
    assert (sample.name, sample.labels, sample.value) == ("a_total", {"name": hostile}, 2.5)


def test_a_histogram() -> None:
    """Buckets count what is below them; the last one counts all."""
    family = Family("a_seconds", "histogram", "")
    family.add({"m": "x"}, Histogram((0.1, 1.0), [1, 2, 3], 9.5))
    family.add({"m": "x"}, Histogram((0.1, 1.0), [0, 0, 1], 0.5))
    samples = {(s.name, s.labels.get("le")): s.value for s in next(iter(parsed(exposition([family]).decode()))).samples}
    assert [samples["a_seconds_bucket", le] for le in ("0.1", "1", "+Inf")] == [1, 3, 7]
    assert (samples["a_seconds_count", None], samples["a_seconds_sum", None]) == (7, 10)


def test_what_has_no_value_is_left_out() -> None:
    """A family without a value is no line; numbers keep their precision."""
    large = Family("b", "gauge", "")
    large.add({}, 1_795_284_876.832_753_4)
    assert exposition([Family("a_total", "counter", ""), large]).splitlines()[-1] == b"b 1795284876.8327534"
