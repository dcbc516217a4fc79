"""The delivery metrics in Dagster: guards as checks, values as plots, trends as pictures."""

from __future__ import annotations

import base64
import warnings
from xml.etree import ElementTree as ET

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets.delivery import METRICS, guard_results, guard_specs, metadata
    from assets.quarter import publish_pack
from reports.dora.guards import GUARDS
from tests.reports.dora_history import DAY, History


def history() -> History:
    """Two deployments, and an incident that nobody linked or judged."""
    return History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I1", 5 * DAY, None)


def test_every_guard_is_a_check_of_the_asset() -> None:
    """Each guard that is computed has a meaning, a check in the definitions, and a result that warns."""
    results = {found.check_name: found for found in guard_results(history().compute().metrics)}

    assert results.keys() == GUARDS.keys() == {spec.name for spec in guard_specs()}
    assert {spec.name for spec in publish_pack.check_specs if spec.asset_key == METRICS} == results.keys()
    assert [name for name, found in results.items() if not found.passed] == ["incidents_linked_or_judged"]
    assert results["incidents_linked_or_judged"].metadata["found"].value == 0
    assert "change_failure_rate" in str(results["incidents_linked_or_judged"].metadata["withholds"].value)


def test_values_are_plotted_and_what_is_withheld_is_not() -> None:
    """The window's values over all services are numbers; a metric below its coverage has none."""
    found = metadata(history().compute().metrics)

    assert found["delivery/deployment_frequency"] == 2
    assert found["delivery/lead_time"] == 190
    assert "delivery/change_failure_rate" not in found
    assert "change_failure_rate" in found["withheld"].value


def test_trends_are_pictures_that_say_themselves_in_words() -> None:
    """Each is an SVG inside the text, so that nothing has to be fetched."""
    text = metadata(history().compute().metrics)["trends"].value
    first = text.split("base64,")[1].split(")")[0]

    assert text.count("data:image/svg+xml;base64,") == 5
    assert "02 Mar: 2; 09 Mar: 0" in "".join(ET.fromstring(base64.b64decode(first)).itertext())
