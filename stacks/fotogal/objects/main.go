// An S3 server over one folder: the gateway of Versity with its POSIX store, and nothing of the gateway that FotoGal does not use
// (other stores, accounts in directories, a page of its own). One binary: `objects` serves, `objects healthcheck` asks it how it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
)

const (
	healthPath = "/health"
	// Requests in flight are finished after SIGTERM, as long as that takes no longer than this.
	grace = 1500 * time.Millisecond
	// One health check: shorter than the timeout Compose gives it.
	patience = 2 * time.Second
)

func main() {
	log.SetFlags(0)
	run := serve
	if len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		run = healthcheck
	}
	if err := run(); err != nil {
		log.Fatalf("objects: %v", err)
	}
}

// settings are read from the environment: the only secrets this service has are never in the image.
type settings struct{ access, secret, region, folder string }

func readSettings() (settings, error) {
	found := settings{os.Getenv("S3_ACCESS_KEY"), os.Getenv("S3_SECRET_KEY"), os.Getenv("S3_REGION"), or("OBJECTS_FOLDER", "/data")}
	if found.access == "" || found.secret == "" || found.region == "" {
		return found, errors.New("S3_ACCESS_KEY, S3_SECRET_KEY and S3_REGION must be set")
	}
	return found, nil
}

// address is where the server listens: everywhere on port 7070, unless OBJECTS_ADDRESS says otherwise.
func address() string { return or("OBJECTS_ADDRESS", ":7070") }

func or(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

func serve() error {
	given, err := readSettings()
	if err != nil {
		return err
	}
	server, err := newServer(given)
	if err != nil {
		return err
	}
	stopped, forget := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer forget()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	select {
	case err := <-ended:
		return err
	case <-stopped.Done():
	}
	finish(server)
	return nil
}

// newServer keeps what S3 knows of an object beside its bytes in extended attributes: they are set before the object gets its name, so an object is whole or absent.
func newServer(given settings) (*s3api.S3ApiServer, error) {
	if err := (meta.XattrMeta{}).Test(given.folder); err != nil {
		return nil, fmt.Errorf("%s keeps no extended attributes (user.*): %w", given.folder, err)
	}
	// Oracle's buckets may have underscores in their names (fotogal_bucket_images), Amazon's may not. What could lead out of the folder is refused all the same.
	utils.SetBucketNameValidationStrict(false)
	store, err := posix.New(given.folder, meta.XattrMeta{}, posix.PosixOpts{NewDirPerm: 0o700, ValidateBucketNames: true})
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", given.folder, err)
	}
	account := auth.Account{Access: given.access, Secret: given.secret, Role: auth.RoleAdmin}
	root := middlewares.RootUserConfig{Access: given.access, Secret: given.secret}
	return s3api.New(
		store, root, address(), given.region, auth.NewIAMServiceSingle(account), nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithHealth(healthPath), s3api.WithKeepAlive(),
	)
}

// finish closes the server in order, but not at any price: a client that never ends its request does not hold up the stop.
func finish(server *s3api.S3ApiServer) {
	done := make(chan struct{})
	go func() {
		if err := server.ShutDown(); err != nil {
			log.Printf("objects: stopping: %v", err)
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(grace):
		log.Print("objects: requests were still in flight")
	}
}

func healthcheck() error {
	client := http.Client{Timeout: patience}
	host, port, err := net.SplitHostPort(address())
	if err != nil {
		return err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	answer, err := client.Get("http://" + net.JoinHostPort(host, port) + healthPath)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("unhealthy: %s", answer.Status)
	}
	return nil
}
