"""The signed word of a trusted peer: handed over as it was sent, never heard twice, never turned into anything else."""

import pytest
from listener_http_kit import HTTP_LINES, HttpRoad, ask, http_plane
from listener_kit import FakeRoad, call, plane, send


@pytest.mark.parametrize(
    ("lines", "heard"),
    [([], None), ([("sallyport-user", " a.b.c\t")], "a.b.c"), ([("sallyport-user", "")], "")],
    ids=["none", "one", "empty"],
)
async def test_the_header_is_handed_over_as_it_was_sent(lines, heard) -> None:
    road = FakeRoad()
    body, sound = call()
    assert (await send(plane(road), body, [*sound, *lines])).status == 200
    assert [arrival.assertion for arrival in road.opened] == [heard]


async def test_two_of_them_are_refused_whatever_they_say() -> None:
    road = FakeRoad(anonymous=True)
    body, sound = call()
    for credential in (sound, [line for line in sound if line[0] != "authorization"]):
        answer = await send(plane(road), body, [*credential, *[("sallyport-user", "a.b.c")] * 2])
        assert answer.status == 401
    assert [refusal.detail for refusal in road.refused] == ["There is more than one Sallyport-User header."] * 2
    assert road.calls == []


async def test_a_plain_http_call_has_one_too_and_it_is_no_argument() -> None:
    road = HttpRoad()
    lines = [*HTTP_LINES, ("sallyport-user", "a.b.c")]
    assert (await ask(http_plane(road), "GET", "/http/helpdesk/tickets/7", b"", lines)).status == 200
    assert [arrival.assertion for arrival in road.opened] == ["a.b.c"]
    assert "a.b.c" not in str(road.calls)
