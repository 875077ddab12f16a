package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	store, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "a name with spaces?.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func TestUsersAreKeptWhenTheFileIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	for _, expected := range []error{nil, ErrTaken} {
		store, err := OpenStore(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Create(t.Context(), User{1, "Ana"}); !errors.Is(err, expected) {
			t.Errorf("Create gave %v, not %v", err, expected)
		}
		store.Close()
	}
}

func TestASettingOfEveryConnection(t *testing.T) {
	store := openStore(t)
	for pragma, expected := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000"} {
		var value string
		if err := store.readers.QueryRow("PRAGMA " + pragma).Scan(&value); err != nil || value != expected {
			t.Errorf("%s is %q (%v), not %q", pragma, value, err, expected)
		}
	}
}

func TestAFolderThatIsNotThereIsAnError(t *testing.T) {
	if store, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "no/users.db")); err == nil {
		store.Close()
		t.Error("it was opened")
	}
}

// Many at once: every id is given once, nothing is lost. Meant for the race detector.
func TestManyWritersAndReadersAtOnce(t *testing.T) {
	const clients, ids = 16, 25
	store := openStore(t)
	var group sync.WaitGroup
	won := make(chan int64, clients*ids)
	for client := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			for id := int64(1); id <= ids; id++ {
				switch err := store.Create(t.Context(), User{id, fmt.Sprint(client)}); {
				case err == nil:
					won <- id
				case !errors.Is(err, ErrTaken):
					t.Error(err)
				}
				if _, err := store.List(t.Context(), 0, 3); err != nil {
					t.Error(err)
				}
				if err := store.Update(t.Context(), User{id, "changed"}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	if len(won) != ids {
		t.Errorf("%d creations succeeded, of %d ids", len(won), ids)
	}
	users, err := store.List(t.Context(), 0, NoLimit)
	if err != nil || len(users) != ids {
		t.Errorf("%d users are there (%v)", len(users), err)
	}
}
