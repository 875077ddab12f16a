package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// failure is an error with the status a client gets for it.
type failure struct {
	status int
	text   string
}

func (f failure) Error() string { return f.text }

func fail(status int, text string) error { return failure{status, text} }

// endpoint answers a request; an error becomes {"error": "..."} with its status.
type endpoint func(http.ResponseWriter, *http.Request) error

// methods is one address: an endpoint for each method, 405 for any other.
type methods map[string]endpoint

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	answer, known := m[method]
	if !known {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		writeError(w, fail(http.StatusMethodNotAllowed, "this method is not allowed here"))
		return
	}
	if err := answer(w, r); err != nil {
		writeError(w, err)
	}
}

// api is the HTTP side of a Store.
type api struct{ store *Store }

// NewAPI returns the handler of all addresses.
func NewAPI(store *Store) http.Handler {
	a := api{store}
	mux := http.NewServeMux()
	mux.Handle("/health", methods{"GET": a.health})
	mux.Handle("/users", methods{"GET": a.list, "POST": a.create})
	mux.Handle("/users/{id}", methods{"GET": a.get, "PUT": a.update, "DELETE": a.remove})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, fail(http.StatusNotFound, "no such address"))
	})
	return mux
}

func (a api) health(w http.ResponseWriter, r *http.Request) error {
	if err := a.store.Ping(r.Context()); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// list answers with all users by id, or with a page of them: ?limit=N of those after ?after=ID.
func (a api) list(w http.ResponseWriter, r *http.Request) error {
	limit, err := queryNumber(r, "limit", NoLimit)
	if err != nil {
		return err
	}
	after, err := queryNumber(r, "after", 0)
	if err != nil {
		return err
	}
	users, err := a.store.List(r.Context(), after, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, users)
}

func (a api) create(w http.ResponseWriter, r *http.Request) error {
	user, err := readUser(w, r)
	if err != nil {
		return err
	}
	if err := a.store.Create(r.Context(), user); err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/users/%d", user.ID))
	return writeJSON(w, http.StatusCreated, user)
}

func (a api) get(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	user, err := a.store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, user)
}

func (a api) update(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	name, err := readName(w, r, id)
	if err != nil {
		return err
	}
	user := User{id, name}
	if err := a.store.Update(r.Context(), user); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, user)
}

func (a api) remove(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := a.store.Delete(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func pathID(r *http.Request) (int64, error) {
	id, ok := positive(r.PathValue("id"))
	if !ok {
		return 0, fail(http.StatusBadRequest, "id: must be a whole number from 1 to 9223372036854775807")
	}
	return id, nil
}

func queryNumber(r *http.Request, name string, fallback int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	number, ok := positive(text)
	if !ok {
		return 0, fail(http.StatusBadRequest, name+": must be a whole number from 1 to 9223372036854775807")
	}
	return number, nil
}

// positive reads digits only: no sign, no leading zero, nothing that is not a positive 64-bit integer.
func positive(text string) (int64, bool) {
	if text == "" || text[0] < '1' || text[0] > '9' {
		return 0, false
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	if err != nil {
		slog.Info("the client left before its answer", "error", err)
	}
	return nil
}

// writeError answers with what may be shown; the rest goes to the log only.
func writeError(w http.ResponseWriter, err error) {
	shown := failure{http.StatusServiceUnavailable, "the database does not answer; try again in a moment"}
	switch {
	case errors.As(err, &shown):
	case errors.Is(err, ErrUnknown):
		shown = failure{http.StatusNotFound, "no such user"}
	case errors.Is(err, ErrTaken):
		shown = failure{http.StatusConflict, "id: already taken"}
	case errors.Is(err, context.Canceled): // the client left; nobody reads this answer
	default:
		slog.Error("database", "error", err)
	}
	_ = writeJSON(w, shown.status, map[string]string{"error": shown.text})
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the real writer.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged writes a line for each request, but not for health checks that succeed.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &statusWriter{w, http.StatusOK}
		next.ServeHTTP(answer, r)
		if r.URL.Path != "/health" || answer.status != http.StatusOK {
			slog.Info("request", "method", r.Method, "path", r.URL.Path, "status", answer.status,
				"ms", float64(time.Since(began).Microseconds())/1000)
		}
	})
}
