# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildbot_cd.worker.tests.junit import JUnitError, read_junit

if TYPE_CHECKING:
    from pathlib import Path


def cases(body: str, **kwargs: str) -> list[tuple[str, str]]:
    """(nid, outcome) of each case in a report with this body."""
    return [(one.nid, one.outcome) for one in read_junit(f"<testsuites>{body}</testsuites>".encode(), **kwargs)]


def test_elements_are_counted_not_attributes() -> None:
    """A tests= attribute that counts subtests (pytest 9) does not make results."""
    assert cases('<testsuite tests="21959"><testcase classname="a" name="b"/></testsuite>') == [
        ("junit:a::b", "passed")
    ]


@pytest.mark.parametrize(
    ("inside", "outcome"),
    [
        ("", "passed"),
        ("<skipped message='later'/>", "skipped"),
        ("<error message='boom'>trace</error>", "error"),
        ("<failure>assert</failure>", "failed"),
        ("<failure/><error/>", "failed"),
        ("<skipped/><failure/>", "failed"),
        ("<system-out>x</system-out>", "passed"),
    ],
)
def test_the_worst_verdict_of_a_case_counts(inside: str, outcome: str) -> None:
    """A case that failed and was skipped failed."""
    assert cases(f'<testsuite><testcase name="t">{inside}</testcase></testsuite>') == [("junit:t", outcome)]


def test_phpunit_files_are_relative_to_the_checkout() -> None:
    """PHPUnit writes absolute files, nested suites and classes; the path is that of the repository."""
    xml = """<testsuite name="all"><testsuite name="CartTest" file="/w/tests/CartTest.php">
      <testcase name="testTotal" class="CartTest" file="/w/tests/CartTest.php" line="9" time="0.25"/>
      <testcase name="testTax with data set #1" class="CartTest"/></testsuite></testsuite>"""
    found = read_junit(xml.encode(), "phpunit", "/w")
    assert [(one.nid, one.path, one.seconds) for one in found] == [
        ("phpunit:tests/CartTest.php::CartTest::testTotal", "tests/CartTest.php", 0.25),
        ("phpunit:tests/CartTest.php::CartTest::testTax with data set #1", "tests/CartTest.php", 0.0),
    ]


def test_a_file_outside_of_the_checkout_keeps_its_name() -> None:
    """A path that is not below the top is not made up."""
    assert cases('<testsuite><testcase name="t" file="/else/t.py"/></testsuite>', top="/w") == [
        ("junit:/else/t.py::t", "passed")
    ]


def test_doubled_names_are_told_apart() -> None:
    """The second case of a name gets #2, so that no result is lost."""
    body = "<testsuite><testcase name='t'/><testcase name='t'><failure/></testcase></testsuite>"
    assert cases(body) == [("junit:t", "passed"), ("junit:t#2", "failed")]


def test_a_property_names_the_test() -> None:
    """A runner that knows our ids says them in a property."""
    inside = "<properties><property name='nid' value='x:y'/></properties>"
    assert cases(f"<testsuite><testcase name='t'>{inside}</testcase></testsuite>") == [("x:y", "passed")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no XML, line 1"),
        (b"<testsuite><testcase></testsuite>", "no XML, line 1: mismatched tag"),
        (b"<html/>", "holds no testsuite"),
        (b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><testsuite>&a;</testsuite>", "declares a document type"),
        (b"<testsuite>" * 200, "nests more than 100"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, said: str) -> None:
    """Broken, foreign and hostile text gives an error that says where and why."""
    with pytest.raises(JUnitError, match=said):
        read_junit(data)


@given(st.binary(max_size=300))
def test_any_bytes_give_cases_or_an_error(data: bytes) -> None:
    """No input raises anything else."""
    try:
        read_junit(data)
        read_junit(b"<testsuite>" + data + b"</testsuite>")
    except JUnitError:
        pass


@pytest.mark.parametrize(("text", "seconds"), [("1,234.5", 1234.5), ("nan", 0.0), ("-1", 0.0), ("soon", 0.0)])
def test_odd_durations(text: str, seconds: float) -> None:
    """Thousands separators are read; what is no duration is 0."""
    xml = f'<testsuite><testcase name="t" time="{text}"/></testsuite>'
    assert read_junit(xml.encode())[0].seconds == seconds


def test_a_failure_keeps_its_end() -> None:
    """Of a long text the end is kept, where the error is."""
    xml = f"<testsuite><testcase name='t'><failure message='m'>{'x' * 9000}the end</failure></testcase></testsuite>"
    text = read_junit(xml.encode())[0].text
    assert text.endswith("the end")
    assert len(text) == 4000


def test_a_real_pytest_report(tmp_path: Path) -> None:
    """The report of pytest itself, with subtests and parameters, gives one case a test."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_par(n): assert n == 1\n"
        "def test_sub(subtests):\n"
        "    for i in range(3):\n"
        "        with subtests.test(i=i): pass\n"
    )
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=out.xml", "test_it.py"]
    subprocess.run(argv, cwd=tmp_path, check=False, capture_output=True)
    found = read_junit((tmp_path / "out.xml").read_bytes(), "pytest", str(tmp_path))
    assert [(one.nid, one.outcome) for one in found] == [
        ("pytest:test_it::test_par[1]", "passed"),
        ("pytest:test_it::test_par[2]", "failed"),
        ("pytest:test_it::test_sub", "passed"),
    ]
