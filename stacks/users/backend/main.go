// The users' API: HTTP in front, one SQLite file behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Requests in flight have this long to finish after SIGTERM: stopping stays under two seconds even if they do not.
const graceful = time.Second

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	run := serve
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		run = checkHealth
	}
	if err := run(); err != nil {
		slog.Error("cannot go on", "error", err)
		os.Exit(1)
	}
}

func setting(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// serve answers requests until SIGTERM or SIGINT.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	store, err := OpenStore(ctx, setting("DATABASE", "/data/users.db"))
	if err != nil {
		return err
	}
	defer store.Close()
	listener, err := net.Listen("tcp", setting("LISTEN", ":8080"))
	if err != nil {
		return err
	}
	return serveUntil(ctx, newServer(store), listener)
}

// newServer is the production server: no client can hold it up for ever.
func newServer(store *Store) *http.Server {
	return &http.Server{
		Handler:           logged(NewAPI(store)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}

// serveUntil serves until ctx is done; then requests in flight are finished, for a while.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("serving", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	bounded, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	err := server.Shutdown(bounded)
	if errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("a request did not finish in time")
		return server.Close()
	}
	return err
}

// checkHealth asks a running server's /health. The image has no shell and no curl: the program checks itself.
func checkHealth() error {
	_, port, err := net.SplitHostPort(setting("LISTEN", ":8080"))
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://127.0.0.1:" + port + "/health")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("unhealthy: %s", answer.Status)
	}
	return nil
}
