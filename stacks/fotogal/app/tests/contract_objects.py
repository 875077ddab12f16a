"""What holds for every object store. A test module of a store makes a subclass with a fixture `store`: an empty one, provisioned."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fotogal.objects.interface import NoSuchObject, ObjectStore

NO_KEYS = ["", "/", "a/", "/a", "a//b", "../a", "a/../b", "a/.b", ".a", "a b", "a\n", "ä", "a\\b", "a\0", "a" * 513]


class ObjectsContract:
    # More than the store lists in one page.
    many = 1005

    @pytest.fixture
    def store(self) -> Iterator[ObjectStore]:
        """Each implementation's own test class gives it: this one is not collected by itself."""
        raise NotImplementedError

    def test_what_is_put_is_got(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"\x89PNG\0\xff" * 1000, "image/png")
        assert store.get("1/full.png") == b"\x89PNG\0\xff" * 1000

    def test_an_empty_object(self, store: ObjectStore) -> None:
        store.put("1/empty.gif", b"", "image/gif")
        assert store.get("1/empty.gif") == b""

    def test_a_second_put_replaces(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"old", "image/png")
        store.put("1/full.png", b"new and longer", "image/png")
        assert store.get("1/full.png") == b"new and longer"
        assert [listed.size for listed in store.listing()] == [len(b"new and longer")]

    def test_what_is_not_there(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"x", "image/png")
        for key in ("2/full.png", "1/other.png", "1/full.png/below", "1"):
            with pytest.raises(NoSuchObject):
                store.get(key)

    def test_what_is_deleted_is_gone_and_may_be_deleted_again(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"x", "image/png")
        store.put("1/thumb.png", b"y", "image/png")
        store.delete("1/full.png")
        store.delete("1/full.png")
        store.delete("1")
        store.delete("7/never.png")
        with pytest.raises(NoSuchObject):
            store.get("1/full.png")
        assert store.get("1/thumb.png") == b"y"

    def test_a_folder_may_be_filled_again(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"x", "image/png")
        store.delete("1/full.png")
        store.put("1/full.png", b"y", "image/png")
        assert store.get("1/full.png") == b"y"

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_no_key_leads_out(self, store: ObjectStore, key: str) -> None:
        for call in (store.get, store.delete, store.redirect, lambda key: store.put(key, b"", "image/png")):
            with pytest.raises(ValueError, match="not a key"):
                call(key)

    def test_keys_are_listed_in_their_order(self, store: ObjectStore) -> None:
        keys = ["a-b/1.png", "a.b", "a/1.png", "a/2.png", "a0/1.png", "b/1.png", "c.png"]
        for key in reversed(keys):
            store.put(key, key.encode(), "image/png")
        listed = list(store.listing())
        assert [item.key for item in listed] == keys == sorted(keys)
        assert [item.size for item in listed] == [len(key) for key in keys]

    def test_keys_by_prefix(self, store: ObjectStore) -> None:
        for key in ("1/full.png", "1/thumb.png", "10/full.png", "2/full.png"):
            store.put(key, b"x", "image/png")
        assert [item.key for item in store.listing("1/")] == ["1/full.png", "1/thumb.png"]
        assert [item.key for item in store.listing("1")] == ["1/full.png", "1/thumb.png", "10/full.png"]
        assert [item.key for item in store.listing("1/f")] == ["1/full.png"]
        assert list(store.listing("3")) == []

    def test_no_keys(self, store: ObjectStore) -> None:
        assert list(store.listing()) == []

    def test_keys_over_several_pages(self, store: ObjectStore) -> None:
        keys = sorted(f"{number}/full.png" for number in range(self.many))
        for key in keys:
            store.put(key, b"", "image/png")
        assert [item.key for item in store.listing()] == keys

    def test_what_is_listed_may_be_deleted_meanwhile(self, store: ObjectStore) -> None:
        for number in range(5):
            store.put(f"{number}/full.png", b"", "image/png")
        for item in store.listing():
            store.delete(item.key)
        assert list(store.listing()) == []

    def test_times_are_those_of_the_put(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"x", "image/png")
        first = next(iter(store.listing())).modified_ts
        assert first > 1_600_000_000_000  # milliseconds, not seconds
        store.put("1/full.png", b"y", "image/png")
        assert next(iter(store.listing())).modified_ts >= first

    def test_a_reader_sees_the_old_or_the_new(self, store: ObjectStore) -> None:
        versions = [bytes([number]) * 200_000 for number in range(2)]
        store.put("1/full.png", versions[0], "image/png")
        done = threading.Event()
        seen: list[bytes] = []

        def read() -> None:
            while not done.is_set():
                seen.append(store.get("1/full.png"))

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(20):
            store.put("1/full.png", versions[number % 2], "image/png")
        done.set()
        reader.join()
        assert seen
        assert set(seen) <= set(versions)

    def test_threads_in_one_folder_do_not_disturb_each_other(self, store: ObjectStore) -> None:
        def work(name: str) -> None:
            for _ in range(20):
                store.put(f"1/{name}.png", name.encode(), "image/png")
                assert store.get(f"1/{name}.png") == name.encode()
                store.delete(f"1/{name}.png")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, "abcd"))
        assert list(store.listing()) == []

    def test_a_second_provision_does_nothing(self, store: ObjectStore) -> None:
        store.put("1/full.png", b"x", "image/png")
        assert store.provision() == []
        store.ready()
        assert store.get("1/full.png") == b"x"

    def test_it_has_a_host(self, store: ObjectStore) -> None:
        assert store.host_fqdn
