package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSettingsMustBeThere(t *testing.T) {
	for _, missing := range []string{"S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION"} {
		t.Run(missing, func(t *testing.T) {
			for _, name := range []string{"S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION"} {
				t.Setenv(name, "x")
			}
			t.Setenv(missing, "")
			if err := serve(); err == nil || !strings.Contains(err.Error(), missing) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestHealthcheckTellsWhatTheServerAnswers(t *testing.T) {
	for status, healthy := range map[int]bool{http.StatusOK: true, http.StatusServiceUnavailable: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != healthPath {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(status)
		}))
		t.Setenv("OBJECTS_ADDRESS", strings.TrimPrefix(server.URL, "http://"))
		if err := healthcheck(); (err == nil) != healthy {
			t.Errorf("status %d gave %v", status, err)
		}
		server.Close()
		if err := healthcheck(); err == nil {
			t.Error("nobody listens, and that is healthy")
		}
	}
}

// A folder that keeps no extended attributes would lose the types of the images: better not to start.
func TestAFolderThatIsNotThereIsSaid(t *testing.T) {
	_, err := newServer(settings{"a", "b", "c", t.TempDir() + "/missing"})
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Fatalf("got %v", err)
	}
}
