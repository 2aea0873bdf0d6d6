package secondary

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"bailiwick/internal/pemfile"
)

// Over TLS the primary has to prove that it is the one that was named, with TLS 1.3 and, if it
// chooses a protocol at all, that of DNS (RFC 9103, sections 7.1, 8.2 and 9.3.1).
func TestRFC9103PrimaryProvesWhoItIs(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	server.Close()
	certificate := server.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for what, c := range map[string]struct {
		name  string
		roots *x509.CertPool
		tls   *tls.Config
		want  uint32
	}{
		"the right one":     {"example.com", roots, &tls.Config{NextProtos: []string{"dot"}}, 1},
		"without ALPN":      {"example.com", roots, &tls.Config{}, 1},
		"another name":      {"ns.example.net", roots, &tls.Config{}, 0},
		"another authority": {"example.com", x509.NewCertPool(), &tls.Config{}, 0},
		"TLS 1.2":           {"example.com", roots, &tls.Config{MaxVersion: tls.VersionTLS12}, 0},
		"a web server":      {"example.com", roots, &tls.Config{NextProtos: []string{"h2"}}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.tls.Certificates = []tls.Certificate{certificate}
				k := keep(t, func(k *kept, p *Parts) {
					k.spec.TLS = &TLS{Name: c.name, Roots: pemfile.Fixed(c.roots)}
					p.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
						if addr != "192.0.2.1:853" {
							t.Errorf("%s is dialled", addr)
						}
						here, there := net.Pipe()
						go k.primary.serve(tls.Server(there, c.tls))
						return here, nil
					}
				})
				if got := k.serial(); got != c.want {
					t.Errorf("serial %d, want %d: %s", got, c.want, k.logged())
				}
			})
		})
	}
}
