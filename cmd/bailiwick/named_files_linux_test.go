package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/observe"
	"bailiwick/transport"
)

// A certificate for questions to others that has changed in its file, or cannot be read, is told of
// once, in the log and as a metric, and used without a reload. A look that comes between the
// renaming of a certificate and that of its key tells nothing.
func TestCertificatesForQuestionsAreRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		move(path+".new", path)
	}
	renew := func(name string, between func()) {
		t.Helper()
		pair(t, dir, name, time.Hour)
		move(filepath.Join(dir, name+".pem"), cert)
		between()
		move(filepath.Join(dir, name+".key"), key)
	}
	renew("one.example", func() {})
	var text bytes.Buffer
	journal := observe.NewJournal(&text)
	s := unstarted(t, fmt.Sprintf("%stracing: {endpoint: 'https://192.0.2.1/v1/traces', "+
		"tls_certificate: %s, tls_key: %s, tls_ca: %s}\n", plain, cert, key, cert),
		func(w transport.Exchanger) transport.Exchanger { return w }, journal)
	inForce := func() (out string) {
		for _, c := range s.namedCertificates() {
			if strings.HasPrefix(c.Key, "tracing.") {
				out += fmt.Sprint(c.Key, " ", c.Name(), " ", c.Stale, "; ")
			}
		}
		return out
	}
	expect := func(name string, broken bool) {
		t.Helper()
		want := fmt.Sprintf("tracing.tls_certificate %s %v; tracing.tls_ca %s %v; ", name, broken,
			name, broken)
		if got := inForce(); got != want {
			t.Errorf("in force are %q, want %q", got, want)
		}
	}
	s.lookAtFiles()
	expect("one.example", false)
	renew("two.example", s.lookAtFiles)
	expect("two.example", false) // a look by the metrics takes nothing from the log
	s.lookAtFiles()
	put(cert, "half a fi")
	for range 3 {
		s.lookAtFiles()
	}
	expect("two.example", true)
	renew("three.example", func() {})
	s.lookAtFiles()
	expect("three.example", false)
	s.close()
	journal.Close()
	for line, times := range map[string]int{"certificate read again": 4,
		"the certificates in use stay in use": 2, "at=tracing.tls_certificate": 3,
		"at=tracing.tls_ca": 3} {
		if got := strings.Count(text.String(), line); got != times {
			t.Errorf("%q is in the log %d times:\n%s", line, got, text.String())
		}
	}
}
