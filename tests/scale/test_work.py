"""Blocks: complete, in order, and changed only where a source changed."""

import pytest

from mien.errors import UsageError
from mien.scale.work import Item, blocks, part_of


def items(number: int) -> list[Item]:
    return [Item(f"photos/{k:05}.jpg", f"/photos/{k:05}.jpg", size=k, changed=k) for k in range(number)]


@pytest.mark.parametrize("size", [1, 2, 7, 100, 1000])
def test_blocks_hold_every_item_once(size: int) -> None:
    every = items(3000)
    made = list(blocks(every, size, "s"))
    assert [item for block in made for item in block.items] == every
    assert all(size // 2 <= len(block.items) <= 2 * size for block in made[:-1])
    if size < 1000:
        assert 0.8 * size <= 3000 / len(made) <= 1.3 * size
    assert len({block.key for block in made}) == len(made)


def test_one_more_image_changes_its_own_block() -> None:
    every = items(3000)
    before = {block.key for block in blocks(every, 50, "s")}
    after = {block.key for block in blocks([Item("photos/!.jpg", "/photos/!.jpg"), *every], 50, "s")}
    assert len(after - before) <= 2
    assert len(before - after) <= 2


@pytest.mark.parametrize(
    "changed",
    [
        Item("photos/00002.jpg", "/photos/00002.jpg", size=9, changed=2),
        Item("photos/00002.jpg", "/photos/00002.jpg", size=2, changed=9),
        Item("photos/2.jpg", "/photos/00002.jpg", size=2, changed=2),
        Item("photos/00002.jpg", "/photos/00002.jpg", error="photos/00002.jpg: no such file"),
    ],
)
def test_a_key_tells_name_size_time_and_error(changed: Item) -> None:
    (before,) = blocks(items(4), 100, "s")
    (after,) = blocks([*items(2), changed, *items(4)[3:]], 100, "s")
    assert before.key != after.key


def test_a_key_tells_the_settings_and_not_where_the_file_is() -> None:
    (before,) = blocks(items(4), 100, "s")
    moved = [Item(item.name, f"/mnt{item.path}", size=item.size, changed=item.changed) for item in items(4)]
    assert [block.key for block in blocks(moved, 100, "s")] == [before.key]
    assert [block.key for block in blocks(items(4), 100, "other")] != [before.key]


def test_a_video_is_a_block_and_does_not_part_the_images_around_it() -> None:
    film = Item("photos/00001b.mp4", "/photos/00001b.mp4")
    made = list(blocks([*items(2), film, *items(4)[2:]], 100, "s"))
    assert [len(block.items) for block in made] == [1, 4]
    assert made[1].key == next(blocks(items(4), 100, "s")).key


@pytest.mark.parametrize("number", [1, 2, 7, 300])
def test_parts_are_disjoint_and_complete(number: int) -> None:
    every = list(blocks(items(500), 4, "s"))
    parts = [list(part_of(every, f"{k}/{number}")) for k in range(1, number + 1)]
    assert sorted(block.key for part in parts for block in part) == sorted(block.key for block in every)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", " 1/2", "1.0/2", "\uff11/2"])
def test_parts_that_cannot_be(text: str) -> None:
    with pytest.raises(UsageError, match="K/N"):
        part_of([], text)
