import json

import fuzz_parsers

LOG = """#3	INITED cov: 30 ft: 30 corp: 1/45b exec/s: 0 rss: 130Mb
#4	NEW    cov: 31 ft: 43 corp: 2/97b lim: 8192 exec/s: 0 rss: 131Mb L: 52/52 MS: 1 Custom-
#500	DONE   cov: 41 ft: 83 corp: 15/469b lim: 8192 exec/s: 11188 rss: 134Mb
Done 500 runs in 11 second(s)
stat::number_of_executed_units: 500
stat::slowest_unit_time_sec:    2
stat::peak_rss_mb:              140
"""


def test_the_log_of_a_run_is_read_off():
    facts = fuzz_parsers._facts(LOG, 0)
    assert facts == {
        "seconds": 11,
        "executions": 500,
        "branches": 41,
        "features": 83,
        "MiB after the seeds": 130,
        "MiB at the end": 134,
        "MiB at most": 140,
        "slowest input, s": 2,
        "findings": 0,
    }
    assert fuzz_parsers._facts("", 77)["findings"] == 1


def test_the_table_of_the_page_is_that_of_the_runs():
    page = (fuzz_parsers.FOLDER / "README.md").read_text(encoding="utf-8")
    results = json.loads(fuzz_parsers.RESULTS.read_text(encoding="utf-8"))
    assert fuzz_parsers.table(results) in page
    assert set(results) == set(fuzz_parsers.NAMES)
    assert all(row["seconds"] >= 600 for row in results.values())
    assert not any(row["findings"] for row in results.values())
