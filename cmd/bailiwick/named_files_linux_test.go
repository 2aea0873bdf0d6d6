package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
	"bailiwick/internal/lab/testtime"
	"bailiwick/internal/observe"
	"bailiwick/internal/pemfile"
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

// dotServer answers over DoT with what it is asked. It returns its address.
func dotServer(t *testing.T, cert, key string) netip.AddrPort {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair},
		NextProtos: []string{"dot"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					q, err := transport.ReadFrame(c)
					if err != nil {
						return
					}
					q[2] |= 0x80 // QR
					if _, err := c.Write(binary.BigEndian.AppendUint16(nil,
						uint16(len(q)))); err != nil {
						return
					}
					if _, err := c.Write(q); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// An authority that is taken out of its file ends the connections that it was trusted for, those to
// the fleet's store as well. The one that ends last may have stayed.
func TestConnectionsEndWithTheirAuthority(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string, of ...string) {
		t.Helper()
		var text []byte
		for _, o := range of {
			b, err := os.ReadFile(path(o))
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, b...)
		}
		if err := errors.Join(os.WriteFile(path("new"), text, 0o600),
			os.Rename(path("new"), path(name))); err != nil {
			t.Fatal(err)
		}
	}
	pair(t, dir, "localhost", time.Hour)
	pair(t, dir, "last.example", 2*time.Hour)
	put("ca", "localhost.pem", "last.example.pem")
	put("fleet.ca", "localhost.pem", "last.example.pem")
	if err := os.WriteFile(path("secret"), []byte(strings.Repeat("ab", 32)+"\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	at := dotServer(t, path("localhost.pem"), path("localhost.key"))
	s := unstarted(t, fmt.Sprintf("%sresolver: {forward_zones: [{name: a.example, addresses: "+
		"['%s'], transport: dot, tls_name: localhost, tls_ca: %s}]}\nfleet: {store: "+
		"'192.0.2.1:6379', secret_file: %s, tls_name: store.example, tls_ca: %s}\n", plain, at,
		path("ca"), path("secret"), path("fleet.ca")),
		func(transport.Exchanger) transport.Exchanger { return &transport.NetExchanger{} }, nil)
	t.Cleanup(s.close)
	opened := 0
	s.fleet = fleet.New(fleet.Parts{Log: s.log, Open: func(fleet.Settings) fleet.Store {
		opened++
		return fleettest.New()
	}})
	s.fleet.Use(s.now().Fleet)
	roots, err := pemfile.OpenTrusted(path("ca"))
	if err != nil {
		t.Fatal(err)
	}
	peer := &transport.Peer{Name: "localhost", Roots: roots}
	ask := func() error {
		_, err := s.exchanger.Exchange(t.Context(), transport.Request{Server: at,
			Via: transport.DoT, Peer: peer, Timeout: testtime.Patience,
			Query: append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 0, 0, 1, 0, 1)})
		return err
	}
	s.lookAtFiles()
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	s.lookAtFiles()
	put("fleet.ca", "last.example.pem")
	s.lookAtFiles()
	if opened != 2 {
		t.Errorf("the store was connected to %d times, want 2", opened)
	}
	put("ca", "last.example.pem")
	s.lookAtFiles()
	if err := ask(); !errors.Is(err, transport.ErrIdentity) {
		t.Errorf("without its authority: %v", err)
	}
	if opened != 2 {
		t.Errorf("another authority had the store be connected to again")
	}
}
