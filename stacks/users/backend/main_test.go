package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// start serves a store of its own; the address, how to ask for the end, and what serveUntil returned.
func start(t *testing.T) (address string, stop context.CancelFunc, ended chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	server := newServer(openStore(t))
	ended = make(chan error, 1)
	go func() { ended <- serveUntil(ctx, server, listener) }()
	return listener.Addr().String(), stop, ended
}

func TestARequestInFlightIsFinishedBeforeTheEnd(t *testing.T) {
	address, stop, ended := start(t)
	body, rest := io.Pipe()
	answered := make(chan int, 1)
	go func() {
		answer, err := http.Post("http://"+address+"/users", jsonType, body)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		answer.Body.Close()
		answered <- answer.StatusCode
	}()
	// The pipe has no buffer: when this returns, the client has sent the head and reads the body.
	if _, err := io.WriteString(rest, `{"id": 1, `); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + address + "/health"); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := io.WriteString(rest, `"name": "Ana"}`); err != nil {
		t.Fatal(err)
	}
	rest.Close()
	if status := <-answered; status != created {
		t.Errorf("the status is %d", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheProgramChecksItself(t *testing.T) {
	address, stop, ended := start(t)
	t.Setenv("LISTEN", address)
	if err := checkHealth(); err != nil {
		t.Error(err)
	}
	stop()
	<-ended
	if err := checkHealth(); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens, and it says %v", err)
	}
}
