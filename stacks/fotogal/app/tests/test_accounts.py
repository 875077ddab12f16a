from __future__ import annotations

import pytest

from fotogal import accounts, devices, sessions
from fotogal.accounts import Accounts
from fotogal.fields import Registration
from fotogal.passwords import Passwords
from fotogal.refusals import BadLogin, Conflict, Invalid, TooMany
from world import CHEAP, PASSWORD, World

HERE, THERE = "192.0.2.7", "198.51.100.9"
ANA = Registration("ana@exemplo.com.br", "Ana Maria de Sousa", "ana_maria", PASSWORD)


@pytest.fixture
def people(world: World) -> Accounts:
    return world.services.accounts


class TestRegistering:
    def test_logs_in(self, world: World, people: Accounts) -> None:
        user, token = people.register(ANA, HERE)
        assert world.services.sessions.user(token) == user
        assert user.password.startswith("$argon2id$")
        assert PASSWORD not in repr(world.catalogue.user(user.id))

    @pytest.mark.parametrize(
        ("email", "username", "field"),
        [("ANA@Exemplo.com.br", "outra", "email"), ("outra@exemplo.com.br", "ANA_maria", "username")],
    )
    def test_what_somebody_has_already(self, people: Accounts, email: str, username: str, field: str) -> None:
        people.register(ANA, HERE)
        with pytest.raises(Conflict) as refused:
            people.register(Registration(email, "Outra Ana de Sousa", username, PASSWORD), HERE)
        assert set(refused.value.fields) == {field}


class TestLoggingIn:
    @pytest.mark.parametrize(
        "name", ["paula", "PAULA", "@paula", " paula ", "paula@exemplo.com.br", "Paula@Exemplo.com.br"]
    )
    def test_by_name_or_email(self, world: World, people: Accounts, name: str) -> None:
        user, token = people.log_in(name, PASSWORD, HERE)
        assert user.username == "paula"
        assert world.services.sessions.user(token) == user

    @pytest.mark.parametrize("name", ["nobody_here", "ninguem@exemplo.com.br", "", "\x00", "\ud800", "x" * 10_000])
    def test_an_unknown_name_is_answered_as_a_wrong_password_is(self, people: Accounts, name: str) -> None:
        with pytest.raises(BadLogin) as unknown:
            people.log_in(name, PASSWORD, HERE)
        with pytest.raises(BadLogin) as wrong:
            people.log_in("paula", "outra senha comprida", THERE)
        assert str(unknown.value) == str(wrong.value)

    def test_an_unknown_name_costs_a_verification_too(self, world: World) -> None:
        """The same time, because the same is done: counted, not measured."""
        verified: list[str | None] = []

        class Counting(Passwords):
            def verify(self, hashed: str | None, password: str) -> bool:
                verified.append(hashed)
                return super().verify(hashed, password)

        people = Accounts(world.catalogue, Counting(memory_kib=8, passes=1), world.services.sessions, world.clock)
        for name in ("nobody_here", "paula"):
            with pytest.raises(BadLogin):
                people.log_in(name, "errada e comprida", HERE)
        assert len(verified) == 2

    def test_guessing_at_one_account_ends(self, world: World, people: Accounts) -> None:
        for _ in range(accounts.ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS):
            with pytest.raises(BadLogin):
                people.log_in("paula", "errada e comprida", HERE)
        with pytest.raises(TooMany) as refused:
            people.log_in("Paula", PASSWORD, HERE)
        assert refused.value.retry_after_s > 0
        assert people.log_in("paula", PASSWORD, THERE)  # who owns it is not locked out
        world.clock.now_ms += accounts.WINDOW_MS
        assert people.log_in("paula", PASSWORD, HERE)

    def test_a_log_in_forgives_what_was_mistyped(self, people: Accounts) -> None:
        for _ in range(3):
            for _ in range(accounts.ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS - 1):
                with pytest.raises(BadLogin):
                    people.log_in("paula", "errada e comprida", HERE)
            people.log_in("paula", PASSWORD, HERE)

    def test_one_password_at_many_accounts_ends(self, people: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts, "ATTEMPTS_FROM_ADDRESS", 5)
        for number in range(5):
            with pytest.raises(BadLogin):
                people.log_in(f"conta_{number}", "errada e comprida", HERE)
        with pytest.raises(TooMany):
            people.log_in("conta_6", "errada e comprida", HERE)

    def test_many_places_at_one_account_end(self, people: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accounts, "ATTEMPTS_AT_ACCOUNT", 5)
        for number in range(5):
            with pytest.raises(BadLogin):
                people.log_in("paula", "errada e comprida", f"192.0.2.{number}")
        with pytest.raises(TooMany):
            people.log_in("paula", PASSWORD, HERE)

    def test_where_the_owner_has_logged_in_before_others_do_not_lock_them_out(
        self, world: World, people: Accounts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounts, "ATTEMPTS_AT_ACCOUNT", 5)
        at_home = devices.new(world.user("paula"))
        for number in range(5):
            with pytest.raises(BadLogin):
                people.log_in("paula", "errada e comprida", f"192.0.2.{number}")
        of_another = devices.new(world.user("selma"))
        name, _, signature = at_home.partition(".")
        for device in ("", ".", of_another, f"x{name}.{signature}", f"{name}.{signature[:-1]}", f"{name}.é"):
            with pytest.raises(TooMany):
                people.log_in("paula", PASSWORD, THERE, device)
        assert people.log_in("paula", PASSWORD, THERE, at_home)

    def test_guessing_where_the_owner_has_logged_in_before_ends_as_soon_as_elsewhere(
        self, world: World, people: Accounts
    ) -> None:
        device = devices.new(world.user("paula"))
        for number in range(accounts.ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS):
            with pytest.raises(BadLogin):
                people.log_in("paula", "errada e comprida", f"192.0.2.{number}", device)
        with pytest.raises(TooMany):
            people.log_in("paula", PASSWORD, THERE, device)

    def test_a_new_password_forgets_where_the_owner_has_logged_in(self, world: World, people: Accounts) -> None:
        device = devices.new(world.user("paula"))
        assert devices.is_of(world.user("paula"), device)
        people.change_password(world.user("paula"), PASSWORD, "outra senha comprida", HERE)
        assert not devices.is_of(world.user("paula"), device)

    def test_a_hash_of_older_costs_is_made_anew(self, world: World) -> None:
        dearer = Passwords(memory_kib=16, passes=1)
        people = Accounts(world.catalogue, dearer, world.services.sessions, world.clock)
        people.log_in("paula", PASSWORD, HERE)
        assert not dearer.is_outdated(world.user("paula").password)
        people.log_in("paula", PASSWORD, HERE)


class TestPassword:
    def test_changing_it_ends_every_session_but_a_new_one(self, world: World, people: Accounts) -> None:
        paula = world.user("paula")
        before = [world.services.sessions.open(paula) for _ in range(2)]
        token = people.change_password(paula, PASSWORD, "outra senha comprida", HERE)
        assert world.services.sessions.user(token).id == paula.id
        assert [world.services.sessions.user(old) for old in before] == [None, None]
        with pytest.raises(BadLogin):
            people.log_in("paula", PASSWORD, HERE)
        assert people.log_in("paula", "outra senha comprida", HERE)

    @pytest.mark.parametrize(
        ("current", "new", "field"),
        [("errada e comprida", "outra senha comprida", "current_password"), (PASSWORD, "curta", "new_password")],
    )
    def test_refusals_change_nothing(self, world: World, people: Accounts, current: str, new: str, field: str) -> None:
        token = world.services.sessions.open(world.user("paula"))
        with pytest.raises(Invalid) as refused:
            people.change_password(world.user("paula"), current, new, HERE)
        assert set(refused.value.fields) == {field}
        assert world.services.sessions.user(token)
        assert people.log_in("paula", PASSWORD, HERE)

    def test_guessing_the_current_one_ends(self, world: World, people: Accounts) -> None:
        """A stolen session must not be a way to find the password out."""
        for _ in range(accounts.ATTEMPTS_AT_ACCOUNT_FROM_ADDRESS):
            with pytest.raises(Invalid):
                people.change_password(world.user("paula"), "errada e comprida", "outra senha comprida", HERE)
        with pytest.raises(TooMany):
            people.change_password(world.user("paula"), PASSWORD, "outra senha comprida", HERE)


class TestSessions:
    def test_they_last_seven_days(self, world: World) -> None:
        token = world.services.sessions.open(world.user("paula"))
        world.clock.now_ms += sessions.LIFETIME_MS - 1000
        assert world.services.sessions.user(token)
        world.clock.now_ms += 1000
        assert world.services.sessions.user(token) is None

    def test_the_token_is_not_in_the_catalogue(self, world: World) -> None:
        token = world.services.sessions.open(world.user("paula"))
        assert world.catalogue.session(token, world.clock()) is None
        assert world.catalogue.session(sessions.fingerprint(token), world.clock())

    def test_csrf_tokens_belong_to_one_session(self, world: World) -> None:
        one, other = (world.services.sessions.open(world.user("paula")) for _ in range(2))
        assert sessions.is_csrf_token(sessions.csrf_token(one), one)
        for wrong in (sessions.csrf_token(other), "", "é", one):
            assert not sessions.is_csrf_token(wrong, one)


class TestPasswords:
    def test_each_hash_is_another(self) -> None:
        assert CHEAP.hash(PASSWORD) != CHEAP.hash(PASSWORD)

    @pytest.mark.parametrize("hashed", [None, "", "!", "$argon2id$broken"])
    def test_what_is_no_hash_verifies_nothing(self, hashed: str | None) -> None:
        assert not CHEAP.verify(hashed, PASSWORD)
