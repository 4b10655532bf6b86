"""Regions: one primary, and slips of the pen."""

from typing import Any

REGIONS = """\
regions:
  us-east-1: {primary: true, zones: [us-east-1a]}
  us-west-2:
"""
SERVER = "servers: [{{name: a, hostname: a, transport: local, {0}}}]\n"


def test_there_is_one_primary_region(told: Any) -> None:
    """The second one is told the first."""
    assert told("regions:\n  a: {primary: true}\n  b: {primary: true}\n") == [
        '3: regions.b.primary: "a" is the primary region already; there is one'
    ]


def test_a_region_s_id_is_a_word(told: Any) -> None:
    """Told under the region."""
    (problem,) = told("regions: {us east: {}}")
    assert problem.startswith("1: regions.us east: as the region's id expected a word of letters")


def test_an_unlisted_region_is_a_doubt(doubts: Any) -> None:
    """When regions are listed at all; it is made all the same."""
    assert doubts(REGIONS + SERVER.format("region: us-esat-1")) == [
        '4: servers[0].region: "us-esat-1" is not among `regions`; did you mean "us-east-1"?'
    ]
    assert doubts(SERVER.format("region: us-esat-1")) == []


def test_an_unlisted_zone_is_a_doubt(doubts: Any) -> None:
    """When the region lists any; so is a zone without a region."""
    assert doubts(REGIONS + SERVER.format("region: us-east-1, zone: us-east-1b")) == [
        (
            '4: servers[0].zone: "us-east-1b" is not among the region\'s zones; '
            'did you mean "us-east-1a"?'
        )
    ]
    assert doubts(REGIONS + SERVER.format("region: us-west-2, zone: us-west-2a")) == []
    assert doubts(SERVER.format("zone: z")) == [
        "1: servers[0].zone: a zone without a region is not shown"
    ]


def test_a_default_region_is_doubted_where_it_stands(doubts: Any) -> None:
    """Once, not for every server."""
    text = REGIONS + "defaults: {region: x}\n" + SERVER.format("zone: z")
    assert doubts(text) == [
        '4: defaults.region: "x" is not among `regions`; known: us-east-1, us-west-2'
    ]
