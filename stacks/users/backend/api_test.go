package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	created     = http.StatusCreated
	ok          = http.StatusOK
	malformed   = http.StatusBadRequest
	unknown     = http.StatusNotFound
	conflict    = http.StatusConflict
	tooLarge    = http.StatusRequestEntityTooLarge
	invalid     = http.StatusUnprocessableEntity
	jsonType    = "application/json"
	largestID   = "9223372036854775807"
	firstTooBig = "9223372036854775808"
)

// call makes one request of a JSON body ("" for none).
func call(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", jsonType)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func expect(t *testing.T, answer *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if answer.Code != status || strings.TrimSpace(answer.Body.String()) != body {
		t.Errorf("%d %s, not %d %s", answer.Code, answer.Body, status, body)
	}
}

// expectError wants the status and {"error": "..."}, and nothing else.
func expectError(t *testing.T, answer *httptest.ResponseRecorder, status int) {
	t.Helper()
	var body map[string]string
	err := json.Unmarshal(answer.Body.Bytes(), &body)
	if err != nil || len(body) != 1 || body["error"] == "" || answer.Code != status {
		t.Errorf("%d %s, not %d with an error", answer.Code, answer.Body, status)
	}
	if kind := answer.Header().Get("Content-Type"); kind != jsonType {
		t.Errorf("the type is %q", kind)
	}
}

func TestTheLifeOfAUser(t *testing.T) {
	api := NewAPI(openStore(t))
	expect(t, call(api, "GET", "/users", ""), ok, `[]`)
	answer := call(api, "POST", "/users", `{"id": 1, "name": "  Ana  "}`)
	expect(t, answer, created, `{"id":1,"name":"Ana"}`)
	if place := answer.Header().Get("Location"); place != "/users/1" {
		t.Errorf("Location is %q", place)
	}
	expect(t, call(api, "GET", "/users/1", ""), ok, `{"id":1,"name":"Ana"}`)
	expect(t, call(api, "PUT", "/users/1", `{"name": "Ana Souza"}`), ok, `{"id":1,"name":"Ana Souza"}`)
	expect(t, call(api, "PUT", "/users/1", `{"id": 1, "name": "Zoé 😀"}`), ok, `{"id":1,"name":"Zoé 😀"}`)
	expect(t, call(api, "GET", "/users", ""), ok, `[{"id":1,"name":"Zoé 😀"}]`)
	expect(t, call(api, "DELETE", "/users/1", ""), http.StatusNoContent, "")
	expectError(t, call(api, "GET", "/users/1", ""), unknown)
	expect(t, call(api, "GET", "/users", ""), ok, `[]`)
}

func TestUsersComeById(t *testing.T) {
	api := NewAPI(openStore(t))
	for _, id := range []string{"10", "2", largestID} {
		expect(t, call(api, "POST", "/users", `{"id": `+id+`, "name": "x"}`), created, `{"id":`+id+`,"name":"x"}`)
	}
	expect(t, call(api, "GET", "/users?limit=2", ""), ok, `[{"id":2,"name":"x"},{"id":10,"name":"x"}]`)
	expect(t, call(api, "GET", "/users?limit=2&after=10", ""), ok, `[{"id":`+largestID+`,"name":"x"}]`)
	expect(t, call(api, "GET", "/users?after="+largestID, ""), ok, `[]`)
}

func TestEveryErrorHasItsStatus(t *testing.T) {
	api := NewAPI(openStore(t))
	call(api, "POST", "/users", `{"id": 1, "name": "Ana"}`)
	long := strings.Repeat("ã", 201)
	for _, one := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/users", `{"id": 1, "name": "Bia"}`, conflict},
		{"POST", "/users", ``, malformed},
		{"POST", "/users", `{"id": 2, `, malformed},
		{"POST", "/users", `{"id": 2, "name": "x"} {}`, malformed},
		{"POST", "/users", "{\"id\": 2, \"name\": \"\xff\"}", malformed},
		{"POST", "/users", `{"id": 2, "name": "` + strings.Repeat("x", maxBodyBytes) + `"}`, tooLarge},
		{"POST", "/users", `[]`, invalid},
		{"POST", "/users", `null`, invalid},
		{"POST", "/users", `{}`, invalid},
		{"POST", "/users", `{"name": "x"}`, invalid},
		{"POST", "/users", `{"ID": 2, "Name": "x"}`, invalid},
		{"POST", "/users", `{"id": 0, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": -1, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": 1.5, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": 1e3, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": "2", "name": "x"}`, invalid},
		{"POST", "/users", `{"id": null, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": ` + firstTooBig + `, "name": "x"}`, invalid},
		{"POST", "/users", `{"id": 2}`, invalid},
		{"POST", "/users", `{"id": 2, "name": null}`, invalid},
		{"POST", "/users", `{"id": 2, "name": 7}`, invalid},
		{"POST", "/users", `{"id": 2, "name": " \t\n"}`, invalid},
		{"POST", "/users", `{"id": 2, "name": "` + long + `"}`, invalid},
		{"POST", "/users", `{"id": 2, "name": "a\u0000b"}`, invalid},
		{"POST", "/users", `{"id": 2, "name": "a\ud800b"}`, invalid},
		{"PUT", "/users/1", `{"id": 2, "name": "x"}`, invalid},
		{"PUT", "/users/1", `{"name": ""}`, invalid},
		{"PUT", "/users/9", `{"name": "x"}`, unknown},
		{"PUT", "/users/x", `{"name": "x"}`, malformed},
		{"GET", "/users/9", ``, unknown},
		{"GET", "/users/0", ``, malformed},
		{"GET", "/users/01", ``, malformed},
		{"GET", "/users/-1", ``, malformed},
		{"GET", "/users/" + firstTooBig, ``, malformed},
		{"DELETE", "/users/9", ``, unknown},
		{"GET", "/users?limit=0", ``, malformed},
		{"GET", "/users?after=x", ``, malformed},
		{"GET", "/nothing", ``, unknown},
		{"GET", "/users/1/x", ``, unknown},
		{"PATCH", "/users/1", `{}`, http.StatusMethodNotAllowed},
		{"DELETE", "/users", ``, http.StatusMethodNotAllowed},
	} {
		t.Run(fmt.Sprintf("%.40s", one.method+" "+one.path+" "+one.body), func(t *testing.T) {
			expectError(t, call(api, one.method, one.path, one.body), one.status)
		})
	}
	expect(t, call(api, "GET", "/users", ""), ok, `[{"id":1,"name":"Ana"}]`)
}

func TestTheLongestNameAndTheReplacementCharacterAreKept(t *testing.T) {
	api := NewAPI(openStore(t))
	name := strings.Repeat("ã", 198) + "\uFFFD"
	expect(t, call(api, "POST", "/users", `{"id": 1, "name": "`+name+`\uFFFD"}`), created, `{"id":1,"name":"`+name+"\uFFFD"+`"}`)
}

func TestAnotherTypeIs415(t *testing.T) {
	request := httptest.NewRequest("POST", "/users", strings.NewReader(`{"id": 1, "name": "Ana"}`))
	request.Header.Set("Content-Type", "text/plain")
	answer := httptest.NewRecorder()
	NewAPI(openStore(t)).ServeHTTP(answer, request)
	expectError(t, answer, http.StatusUnsupportedMediaType)
}

func TestADatabaseThatIsGoneIs503AndShowsNothing(t *testing.T) {
	store := openStore(t)
	api := NewAPI(store)
	expect(t, call(api, "GET", "/health", ""), ok, `{"status":"ok"}`)
	store.Close()
	for _, path := range []string{"/health", "/users", "/users/1"} {
		answer := call(api, "GET", path, "")
		expectError(t, answer, http.StatusServiceUnavailable)
		if strings.Contains(answer.Body.String(), "closed") {
			t.Errorf("it shows the inside: %s", answer.Body)
		}
	}
}
