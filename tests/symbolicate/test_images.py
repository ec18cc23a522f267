"""Debug images: which one an address lies in, whatever the load address."""

from __future__ import annotations

from typing import Any

import pytest

from symbolicate.images import Address, match, parse_address, read_debug_images
from symbolicate.raw_frame import AppleFrame, read_raw_frame

IMAGES = [
    {"debug_id": "AAAA", "image_addr": "0x1000", "image_size": 256},
    {"debug_id": "BBBB", "image_addr": "0x2000", "image_size": 256},
    {"debug_id": "CCCC", "image_addr": "0x2000"},
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10", 16),
        ("0X1f", 31),
        ("ff", 255),
        (" 0xffffffffffffffff \n", 2**64 - 1),
        ("0x10000000000000000", None),
        ("0x", None),
        ("", None),
        ("-1", None),
        ("1_0", None),
        ("xyz", None),
        (16, None),
        (None, None),
    ],
)
def test_addresses_are_hex_of_at_most_64_bits(text: Any, value: int | None) -> None:
    assert parse_address(text) == value


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param({"instruction_addr": "0x1010"}, Address("aaaa", 0x10), id="by range"),
        pytest.param({"instruction_addr": "0x10ff"}, Address("aaaa", 0xFF), id="last byte"),
        pytest.param({"instruction_addr": "0x1100"}, None, id="one past the end"),
        pytest.param(
            {"instruction_addr": "0x9000", "image_addr": "2000"},
            Address("bbbb", 0x7000),
            id="named by its load address, first in list order",
        ),
        pytest.param(
            {"instruction_addr": "0x10", "image_addr": "0x1000"}, None, id="below the image"
        ),
        pytest.param({"instruction_addr": "zz", "image_addr": "0x1000"}, None, id="no address"),
        pytest.param({"image_addr": "0x1000"}, None, id="no instruction address"),
        pytest.param({"instruction_addr": "0x5000"}, None, id="outside"),
    ],
)
def test_an_address_is_placed_in_the_first_image_that_holds_it(
    frame: dict[str, Any], expected: Address | None
) -> None:
    assert match(frame, read_debug_images(IMAGES)) == expected


def crash(load: int) -> bytes:
    images = [{"debug_id": "ABCD", "image_addr": hex(load), "image_size": 4096}]
    frame = {"platform": "apple", "instruction_addr": hex(load + 0x123), "image_addr": hex(load)}
    return read_raw_frame(frame, read_debug_images(images)).hash


def test_a_new_load_address_makes_no_new_frame() -> None:
    assert crash(0x1000) == crash(0x7FFF0000)


def test_images_that_do_not_fit_are_left_out() -> None:
    values = [{"debug_id": "A"}, "text", None, {"debug_id": "B", "image_addr": "bad"}, *IMAGES]
    assert [image.debug_id for image in read_debug_images(values)] == ["B", "AAAA", "BBBB", "CCCC"]
    assert match({"instruction_addr": "0x1010"}, read_debug_images(values)) == Address("aaaa", 16)


@pytest.mark.parametrize("values", [None, 7, "abc", {"debug_id": "A"}])
def test_debug_images_that_are_no_list_are_none(values: Any) -> None:
    assert read_debug_images(values) == []


def test_a_client_cannot_place_its_own_address() -> None:
    frame = {"platform": "apple", "address": {"debug_id": "x", "relative": 1}}
    read = read_raw_frame(frame).frame
    assert isinstance(read, AppleFrame)
    assert read.address is None
