"""The JSON API: what it takes and gives, and how it refuses."""

from __future__ import annotations

import pytest

from fotogal.objects.filesystem import FilesystemStore
from pictures import animation, bomb, encoded, halves
from world import CAPTION, PASSWORD, World, a_png


class TestSession:
    def test_register_log_out_log_in(self, world: World) -> None:
        browser = world.visit()
        body = {
            "email": "ana@exemplo.com.br",
            "full_name": "Ana Maria de Sousa",
            "username": "ana_maria",
            "password": PASSWORD,
        }
        answer = browser.call("POST", "/api/register", body)
        assert answer.status_code == 201
        assert answer.json["user"]["email"] == "ana@exemplo.com.br"
        assert "password" not in answer.json["user"]
        headers = {"X-CSRF-Token": answer.json["csrf_token"]}
        assert browser.get("/api/session").json["csrf_token"] == answer.json["csrf_token"]
        assert browser.client.post("/api/logout", headers=headers).status_code == 204
        assert browser.get("/api/session").status_code == 401
        assert (
            browser.call("POST", "/api/login", {"name": "ana_maria", "password": PASSWORD}).json["user"]["username"]
            == "ana_maria"
        )

    def test_every_wrong_field_is_named(self, world: World) -> None:
        answer = world.visit().call(
            "POST", "/api/register", {"email": "x", "full_name": "x", "username": "x", "password": "x"}
        )
        assert answer.status_code == 422
        assert set(answer.json["fields"]) == {"email", "full_name", "username", "password"}

    def test_taken(self, world: World) -> None:
        body = {
            "email": "outra@exemplo.com.br",
            "full_name": "Paula de Novo",
            "username": "PAULA",
            "password": PASSWORD,
        }
        answer = world.visit().call("POST", "/api/register", body)
        assert (answer.status_code, set(answer.json["fields"])) == (409, {"username"})

    def test_too_many_attempts(self, world: World) -> None:
        browser = world.visit()
        statuses = [
            browser.call("POST", "/api/login", {"name": "paula", "password": "errada e comprida"}).status_code
            for _ in range(11)
        ]
        assert statuses == [401] * 10 + [429]
        last = browser.call("POST", "/api/login", {"name": "paula", "password": PASSWORD})
        assert int(last.headers["Retry-After"]) > 0

    def test_a_new_password_gives_a_new_session(self, world: World) -> None:
        old, other = world.visit("paula"), world.visit("paula")
        answer = old.call(
            "PUT", "/api/password", {"current_password": PASSWORD, "new_password": "outra senha comprida"}
        )
        assert answer.status_code == 200
        assert other.get("/api/session").status_code == 401
        assert old.get("/api/session").json["csrf_token"] == answer.json["csrf_token"]


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            ("{", "application/json", 400),
            ("[]", "application/json", 400),
            ("null", "application/json", 400),
            ("", "application/json", 400),
            ("\xff", "application/json", 400),
            ("username=paula", "application/x-www-form-urlencoded", 415),
            ("{}", "application/json", 422),
            ('{"username": 1}', "application/json", 422),
            ('{"username": null}', "application/json", 422),
            ('{"username": "\\u0000"}', "application/json", 404),
            ('{"username": "\\ud800"}', "application/json", 404),
            ('{"username": "nobody_here"}', "application/json", 404),
            ('{"username": "selma"}', "application/json; charset=utf-8", 200),
        ],
    )
    def test_what_is_malformed_wrong_or_unknown(self, world: World, body: str, content_type: str, status: int) -> None:
        browser = world.visit("paula")
        answer = browser.client.put(
            "/api/follow",
            data=body.encode("latin-1"),
            content_type=content_type,
            headers={"X-CSRF-Token": browser.csrf_token},
        )
        assert answer.status_code == status
        assert answer.is_json
        assert status == 200 or isinstance(answer.json["error"], str)

    @pytest.mark.parametrize("identity", ["", "x", "-1", "0", "9" * 19, "1" * 30, 1.5, True, None, [], {}])
    def test_what_is_no_identity(self, world: World, identity: object) -> None:
        answer = world.visit("paula").call("PUT", "/api/image/like", {"image_id": identity})
        assert answer.status_code == 422
        assert set(answer.json["fields"]) == {"image_id"}

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/api/nada", 404),
            ("/api/follow", 405),
            ("/api/image/x", 404),
            ("/api/timeline?after=x", 400),
            ("/api/timeline?limit=0", 400),
            ("/api/timeline?limit=51", 400),
            ("/api/timeline?after=99999999999999999999-1", 400),
        ],
    )
    def test_errors_are_json(self, world: World, path: str, status: int) -> None:
        answer = world.visit("paula").get(path)
        assert (answer.status_code, set(answer.json)) == (status, {"error"})

    def test_an_error_of_ours_shows_nothing_of_itself(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(world.catalogue), "suggestions", lambda *_: 1 / 0)
        browser = world.visit("paula")
        answer = browser.get("/api/suggestions")
        assert (answer.status_code, set(answer.json)) == (500, {"error"})
        assert "ZeroDivision" not in answer.text + browser.get("/sugestoes").text


class TestImages:
    def test_upload(self, world: World) -> None:
        browser = world.visit("selma")
        answer = browser.upload("/api/image/upload", encoded(halves(900, 600), "JPEG"), "praia.jpg", caption="Praia")
        assert answer.status_code == 201
        image = answer.json
        assert (image["caption"], image["type"], image["is_mine"], image["likes"], image["mine"]) == (
            "Praia",
            "jpeg",
            True,
            0,
            None,
        )
        assert [size["width"] for size in image["sizes"]] == [900, 640, 320]
        assert browser.get(image["url"]).mimetype == "image/jpeg"
        assert browser.get(answer.location).json == image
        assert browser.get("/api/my/images").json == {"images": [image], "after": None}

    def test_upload_twice(self, world: World) -> None:
        browser = world.visit("selma")
        identity = str(world.services.gallery.new_upload_id())
        first, second = (browser.upload("/api/image/upload", a_png(), upload_id=identity) for _ in range(2))
        assert first.json["id"] == second.json["id"] == identity
        assert len(browser.get("/api/my/images").json["images"]) == 1

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"GIF89a <script>", 422),
            (b"hello", 415),
            (b"", 422),
            (a_png()[:-20], 422),
            (a_png() + b"PK\x03\x04", 422),
            (bomb(30_000, 30_000), 422),
            (b"\xff\xd8\xff" + bytes(16 * 1024 * 1024), 413),
        ],
        ids=["markup", "wrong type", "nothing", "cut off", "polyglot", "bomb", "too large"],
    )
    @pytest.mark.parametrize("path", ["/api/image/upload", "/api/profile/image/upload"])
    def test_what_is_refused(self, world: World, path: str, data: bytes, status: int) -> None:
        browser = world.visit("selma")
        answer = browser.upload(path, data)
        assert answer.status_code == status
        assert answer.json["error"]
        assert browser.get("/api/my/images").json["images"] == []

    def test_a_request_far_too_large_is_answered(self, world: World) -> None:
        browser = world.visit("selma")
        answer = browser.upload("/api/image/upload", bytes(18 * 1024 * 1024))
        assert (answer.status_code, set(answer.json)) == (413, {"error"})

    def test_without_a_file(self, world: World) -> None:
        browser = world.visit("selma")
        assert browser.post("/api/image/upload").json["fields"] == {"image": "Escolha uma foto."}
        assert browser.post("/api/image/upload", {"image": "a text"}).status_code == 422

    def test_an_animation(self, world: World) -> None:
        browser = world.visit("selma")
        image = browser.upload("/api/image/upload", animation(4), "a.gif").json
        assert image["type"] == "gif"
        assert browser.get(image["url"]).mimetype == "image/gif"

    def test_like_and_take_back(self, world: World) -> None:
        browser, body = world.visit("selma"), {"image_id": str(world.photo("paula").id)}
        assert browser.call("PUT", "/api/image/like", body).json == {"likes": 1, "dislikes": 0, "mine": "like"}
        assert browser.call("PUT", "/api/image/like", body).json == {"likes": 1, "dislikes": 0, "mine": "like"}
        assert browser.call("DELETE", "/api/image/dislike", body).json == {"likes": 1, "dislikes": 0, "mine": "like"}
        assert browser.call("PUT", "/api/image/dislike", body).json == {"likes": 0, "dislikes": 1, "mine": "dislike"}
        assert browser.call("DELETE", "/api/image/dislike", body).json == {"likes": 0, "dislikes": 0, "mine": None}

    def test_pages_of_the_timeline(self, world: World) -> None:
        browser = world.visit("selma")
        for number in range(5):
            browser.upload("/api/image/upload", a_png(), caption=str(number))
        seen, after = [], None
        for _ in range(3):
            page = browser.get(f"/api/timeline?limit=2{'&after=' + after if after else ''}").json
            seen += [image["caption"] for image in page["images"]]
            after = page["after"]
        assert seen == ["4", "3", "2", "1", "0"]
        assert after is None

    def test_the_timeline_has_those_one_follows(self, world: World) -> None:
        captions = {image["caption"] for image in world.visit("fabio").get("/api/timeline").json["images"]}
        assert captions == {CAPTION.format("paula"), CAPTION.format("priscila")}
        assert world.visit("rita").get("/api/timeline").json["images"] == []

    def test_delete(self, world: World) -> None:
        browser = world.visit("paula")
        photo = world.photo("paula")
        assert browser.call("DELETE", f"/api/image/{photo.id}").status_code == 204
        assert browser.get(f"/api/image/{photo.id}").status_code == 404
        assert browser.get(photo.image_url).status_code == 404

    def test_a_proxy_is_told_where_the_bytes_are(self, world: World) -> None:
        world.objects = FilesystemStore(world.folder / "objects", redirects=True)
        answer = world.visit("paula").get(world.photo("paula").image_url)
        assert answer.headers["X-Accel-Redirect"] == f"/_objects/{world.photo('paula').image_uri}"
        assert (answer.data, answer.mimetype) == (b"", "image/png")


class TestPeople:
    def test_follow_and_unfollow(self, world: World) -> None:
        browser = world.visit("selma")
        assert browser.call("PUT", "/api/follow", {"username": "paula"}).json == {"relation": "following"}
        assert browser.call("PUT", "/api/follow", {"username": "priscila"}).json == {"relation": "requested"}
        assert [user["username"] for user in browser.get("/api/requests/sent").json["users"]] == ["priscila"]
        profile = browser.get("/api/users/paula").json
        assert (profile["relation"], profile["counts"]) == ("following", {"photos": 1, "followers": 2, "following": 0})
        for username in ("paula", "priscila"):
            assert browser.call("DELETE", "/api/follow", {"username": username}).json == {"relation": "none"}
        assert browser.get("/api/requests/sent").json["users"] == []

    def test_accept_and_refuse(self, world: World) -> None:
        priscila = world.visit("priscila")
        world.visit("selma").call("PUT", "/api/follow", {"username": "priscila"})
        assert [user["username"] for user in priscila.get("/api/requests/received").json["users"]] == ["selma", "rita"]
        assert priscila.call("PUT", "/api/requests/accept", {"username": "rita"}).status_code == 200
        assert priscila.call("PUT", "/api/requests/refuse", {"username": "selma"}).status_code == 200
        assert priscila.get("/api/requests/received").json["users"] == []
        assert [user["username"] for user in priscila.get("/api/users/priscila/followers").json["users"]] == [
            "rita",
            "fabio",
        ]

    def test_profile(self, world: World) -> None:
        browser = world.visit("paula")
        assert browser.call("PUT", "/api/profile", {"biography": "Oi", "is_private": True}).json["biography"] == "Oi"
        profile = browser.get("/api/profile").json
        assert (profile["full_name"], profile["is_private"]) == ("Paula de Sousa", True)
        assert browser.call("PUT", "/api/profile", {"is_private": "yes"}).status_code == 422
        assert browser.call("PUT", "/api/profile", {"site": "javascript:alert(1)"}).status_code == 422

    def test_profile_photo(self, world: World) -> None:
        browser = world.visit("selma")
        url = browser.upload("/api/profile/image/upload", encoded(halves(500, 500), "JPEG")).json["profile_image_url"]
        assert browser.get("/api/profile").json["profile_image_url"] == url
        assert browser.get(url).status_code == 200

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("pa", ["paula"]),
            ("@PAULA", ["paula"]),
            ("p", ["paula", "priscila"]),
            ("", []),
            ("%", []),
            ("_", []),
            ("a'--", []),
            ("\x00", []),
        ],
    )
    def test_search(self, world: World, text: str, found: list[str]) -> None:
        answer = world.visit("selma").get("/api/search", query_string={"q": text})
        assert [user["username"] for user in answer.json["users"]] == found

    def test_suggestions_are_professional_accounts_not_yet_followed(self, world: World) -> None:
        browser = world.visit()
        body = {
            "email": "loja@exemplo.com.br",
            "full_name": "Loja de Fotos Ltda",
            "username": "loja",
            "password": PASSWORD,
            "is_professional_account": True,
        }
        browser.call("POST", "/api/register", body)
        selma = world.visit("selma")
        assert [user["username"] for user in selma.get("/api/suggestions").json["users"]] == ["loja"]
        selma.call("PUT", "/api/follow", {"username": "loja"})
        assert selma.get("/api/suggestions").json["users"] == []


def test_an_upload_takes_no_temporary_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container may be read-only."""
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", None)
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    data = encoded(halves(1500, 1500), "PNG") + bytes(700_000)
    browser = world.visit("selma")
    assert browser.upload("/api/image/upload", data).status_code == 201
