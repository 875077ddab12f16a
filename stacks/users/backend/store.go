package main

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"net/url"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrUnknown says that no user has the id.
	ErrUnknown = errors.New("no such user")
	// ErrTaken says that a user has the id already.
	ErrTaken = errors.New("the id is taken")
)

// NoLimit as a limit of List: all users.
const NoLimit = math.MaxInt64

// Store keeps users in one SQLite file. Any number of goroutines may use it.
type Store struct {
	readers *sql.DB // SQLite in WAL mode: reading goes on while something is written
	writer  *sql.DB // one connection: writers queue here and not in SQLite, where they would poll

	ping, list, get, create, update, remove *sql.Stmt
}

const schema = `CREATE TABLE IF NOT EXISTS users (
	id INTEGER PRIMARY KEY CHECK (id > 0),
	name TEXT NOT NULL
) STRICT`

// OpenStore opens the file, and makes it with its table when it is not there.
func OpenStore(ctx context.Context, path string) (*Store, error) {
	s := &Store{}
	err := s.open(ctx, path)
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) error {
	var err error
	if s.writer, err = sql.Open("sqlite", address(path)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if _, err = s.writer.ExecContext(ctx, schema); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", address(path)); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(8)
	s.readers.SetMaxIdleConns(8)
	return s.prepare(ctx)
}

// address is the file with the settings that every connection gets. What was answered with success is on the disk (synchronous FULL).
func address(path string) string {
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: pragmas.Encode()}).String()
}

func (s *Store) prepare(ctx context.Context) error {
	for _, one := range []struct {
		statement **sql.Stmt
		db        *sql.DB
		text      string
	}{
		{&s.ping, s.readers, "SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1)"},
		{&s.list, s.readers, "SELECT id, name FROM users WHERE id > ? ORDER BY id LIMIT ?"},
		{&s.get, s.readers, "SELECT name FROM users WHERE id = ?"},
		{&s.create, s.writer, "INSERT INTO users (id, name) VALUES (?, ?)"},
		{&s.update, s.writer, "UPDATE users SET name = ? WHERE id = ?"},
		{&s.remove, s.writer, "DELETE FROM users WHERE id = ?"},
	} {
		var err error
		if *one.statement, err = one.db.PrepareContext(ctx, one.text); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the log back into the file and lets it go.
func (s *Store) Close() {
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			_ = db.Close() // nothing is left to be done about an error
		}
	}
}

// Ping runs a query.
func (s *Store) Ping(ctx context.Context) error {
	var count int
	return s.ping.QueryRowContext(ctx).Scan(&count)
}

// List returns up to limit users with ids above after, by id; never nil.
func (s *Store) List(ctx context.Context, after, limit int64) ([]User, error) {
	rows, err := s.list.QueryContext(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	users := []User{}
	for rows.Next() {
		var user User
		if err := rows.Scan(&user.ID, &user.Name); err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, rows.Err()
}

// Get returns a user, or ErrUnknown.
func (s *Store) Get(ctx context.Context, id int64) (User, error) {
	user := User{ID: id}
	err := s.get.QueryRowContext(ctx, id).Scan(&user.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, ErrUnknown
	}
	return user, err
}

// Create adds a user, or returns ErrTaken.
func (s *Store) Create(ctx context.Context, user User) error {
	_, err := s.create.ExecContext(ctx, user.ID, user.Name)
	var refused *sqlite.Error
	if errors.As(err, &refused) && refused.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return ErrTaken
	}
	return err
}

// Update gives a user another name, or returns ErrUnknown.
func (s *Store) Update(ctx context.Context, user User) error {
	return changedOne(s.update.ExecContext(ctx, user.Name, user.ID))
}

// Delete removes a user, or returns ErrUnknown.
func (s *Store) Delete(ctx context.Context, id int64) error {
	return changedOne(s.remove.ExecContext(ctx, id))
}

func changedOne(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	count, err := result.RowsAffected()
	if err == nil && count == 0 {
		return ErrUnknown
	}
	return err
}
