package interop

import (
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

const h2specCases = 146 // in h2spec 2.2.1 with -S, which adds what RFC 7540 merely recommends

// buildH2spec builds the conformance test of HTTP/2 servers in the version of go.mod.
func buildH2spec(t *testing.T, to string) {
	t.Helper()
	out, err := exec.Command("go", "build", "-o", to,
		"github.com/summerwind/h2spec/cmd/h2spec").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// h2spec runs every case of h2spec against the DoH listener: framing, stream states, flow control,
// settings, header compression and malformed requests (RFC 9113, RFC 7541).
func (w *transports) h2spec(t *testing.T) {
	program := w.path("h2spec")
	buildH2spec(t, program)
	out, err := exec.Command(program, "-S", "-t", "-k", "-p", strconv.Itoa(dohPort),
		"-P", "/dns-query", "-o", "5").CombinedOutput()
	m := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).
		FindSubmatch(out)
	if err != nil || m == nil || string(m[2]) != strconv.Itoa(h2specCases) {
		t.Fatalf("%v, want %d cases to pass\n%s", err, h2specCases, out)
	}
	t.Logf("%s", m[0])
}
