package secondary

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// A web server's zone file is used if it comes whole, over TLS, from whom the name belongs to. The
// name is looked up by the resolver.
func TestZoneFromAWebServer(t *testing.T) {
	text := strings.Join(first, "\n") + "\n"
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text))
	}))
	defer plain.Close()
	web := http.NewServeMux()
	web.HandleFunc("/zone", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text))
	})
	web.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/zone", http.StatusFound)
	})
	web.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusFound)
	})
	web.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/round", http.StatusFound)
	})
	web.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!DOCTYPE html><p>Sign in"))
	})
	web.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(text))
	})
	web.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text + "$INCLUDE /etc/hosts\n"))
	})
	web.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text + strings.Repeat("; nothing\n", 1<<16)))
	})
	server := httptest.NewTLSServer(web)
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, c := range []struct {
		host, path, problem string
		octets              int
	}{
		{"example.com", "/zone", "", 1 << 20},
		{"example.com", "/moved", "", 1 << 20},
		{"example.com", "/plain", "refers", 1 << 20},
		{"example.com", "/round", "refers", 1 << 20},
		{"example.com", "/none", "404", 1 << 20},
		{"example.com", "/page", "dns:", 1 << 20},
		{"example.com", "/half", "EOF", 1 << 20},
		{"example.com", "/file", "INCLUDE", 1 << 20},
		{"example.com", "/large", "larger", 100_000},
		{"example.com", "/zone", "larger", 150},
		{"another.test", "/zone", "certificate", 1 << 20},
		{"unknown.test", "/zone", "no address", 1 << 20},
	} {
		k := New(Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler), Roots: roots,
			Lookup: func(_ context.Context, host wire.Name) ([]netip.Addr, error) {
				if host.String() == "unknown.test." {
					return nil, nil
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}})
		z := Zone{Name: wire.MustParseName("held.test."),
			URL: "https://" + c.host + ":" + at.Port() + c.path}
		got, err := k.fromWeb(context.Background(), &z, nil, c.octets)
		switch {
		case c.problem == "" && err != nil, c.problem != "" && err == nil,
			err != nil && !strings.Contains(err.Error(), c.problem):
			t.Errorf("%s%s: %v", c.host, c.path, err)
		case err == nil && got.SOA().Serial != 1:
			t.Errorf("%s%s: serial %d", c.host, c.path, got.SOA().Serial)
		}
		k.Close()
	}
}
