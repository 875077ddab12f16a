package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

const (
	maxBodyBytes  = 16 << 10
	maxNameLength = 200
)

// User is one user.
type User struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// readUser reads {"id": 1, "name": "Ana"}.
func readUser(w http.ResponseWriter, r *http.Request) (User, error) {
	body, err := readObject(w, r)
	if err != nil {
		return User{}, err
	}
	id, ok := positive(string(body["id"]))
	if !ok {
		return User{}, fail(http.StatusUnprocessableEntity, "id: must be a whole number from 1 to 9223372036854775807")
	}
	name, err := nameOf(body)
	return User{id, name}, err
}

// readName reads {"name": "Ana"}. An id may be there too, but no other than the address says.
func readName(w http.ResponseWriter, r *http.Request, id int64) (string, error) {
	body, err := readObject(w, r)
	if err != nil {
		return "", err
	}
	if given, present := body["id"]; present {
		if same, ok := positive(string(given)); !ok || same != id {
			return "", fail(http.StatusUnprocessableEntity, "id: must be the one of the address")
		}
	}
	return nameOf(body)
}

// readObject reads the body as a JSON object: 415 for another type, 413 for too much of it, 400 for what is no JSON, 422 for JSON that is no object.
func readObject(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fail(http.StatusUnsupportedMediaType, "the body must be application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fail(http.StatusRequestEntityTooLarge, "the body is too large")
	}
	if err != nil {
		return nil, fail(http.StatusBadRequest, "the body did not arrive whole")
	}
	// Go's decoder would replace bytes that are no UTF-8 without a word.
	if !json.Valid(text) || !utf8.Valid(text) {
		return nil, fail(http.StatusBadRequest, "the body is not valid JSON")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, fail(http.StatusUnprocessableEntity, "the body must be an object")
	}
	return object, nil
}

// nameOf is the trimmed name.
func nameOf(body map[string]json.RawMessage) (string, error) {
	var name *string
	if err := json.Unmarshal(body["name"], &name); err != nil || name == nil {
		return "", fail(http.StatusUnprocessableEntity, "name: must be a text")
	}
	trimmed := strings.TrimSpace(*name)
	if length := utf8.RuneCountInString(trimmed); length < 1 || length > maxNameLength {
		return "", fail(http.StatusUnprocessableEntity, "name: must have 1 to 200 characters")
	}
	if strings.ContainsRune(trimmed, 0) || strings.Count(trimmed, "\uFFFD") > written(body["name"]) {
		return "", fail(http.StatusUnprocessableEntity, "name: must not contain the character NUL nor half of a surrogate pair")
	}
	return trimmed, nil
}

// written counts the replacement characters that the client itself wrote. Go's decoder makes more of them, one of each half surrogate pair.
func written(text json.RawMessage) int {
	return strings.Count(string(text), "\uFFFD") + strings.Count(strings.ToLower(string(text)), `\ufffd`)
}
