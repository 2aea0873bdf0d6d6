package config

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadRegularDoesNotWaitForAPipe: a pipe that nobody writes to, which a pattern of names may
// find, is refused at once: opening it would hold up the start for ever.
func TestReadRegularDoesNotWaitForAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "10-part.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadRegular(pipe, 100, errors.New("too large"))
	if err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Error(err)
	}
}
