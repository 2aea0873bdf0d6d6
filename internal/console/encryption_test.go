package console

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t}
	made := a.issue(name, time.Hour, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// issue returns a certificate that ends after some time; one of its own before there is one.
func (a *authority) issue(name string, life time.Duration,
	also func(*x509.Certificate)) *tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()),
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-2 * time.Hour),
		NotAfter: now.Add(life)}
	also(c)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// client is issue for a client.
func (a *authority) client(life time.Duration, use x509.ExtKeyUsage) *tls.Certificate {
	return a.issue("prometheus", life, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{use}
	})
}

// write has a file hold the certificates of authorities.
func write(t *testing.T, path string, all ...*authority) {
	t.Helper()
	var text []byte
	for _, a := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
			Bytes: a.cert.Raw})...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pair is a certificate of the listener's own that changes.
type pair struct {
	cert   *tls.Certificate
	broken error
}

func (p *pair) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.cert, nil }

func (p *pair) All() []*tls.Certificate { return []*tls.Certificate{p.cert} }

func (p *pair) Refresh() error { return p.broken }

// scraper asks the listener with a certificate, nil for none.
type scraper struct {
	http.Client
	t    *testing.T
	base string
}

func (o *office) scraper(trusts *authority, cert *tls.Certificate) *scraper {
	roots := x509.NewCertPool()
	roots.AddCert(trusts.cert)
	carrier := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return &tls.Certificate{}, nil
			}
			return cert, nil // whatever authorities the server names, as Prometheus does
		}}}
	o.t.Cleanup(carrier.CloseIdleConnections)
	return &scraper{http.Client{Transport: carrier}, o.t, "https://" + o.console.Addr()}
}

// get returns the status and the text of a page.
func (s *scraper) get(path, token string) (int, string) {
	s.t.Helper()
	q, err := http.NewRequest("GET", s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// encryptedOffice is an office whose listener encrypts, and knows the clients of an authority.
func encryptedOffice(t *testing.T) (o *office, ours *authority, own *pair, path string) {
	o, ours = newOffice(t), newAuthority(t, "ours")
	own = &pair{cert: ours.issue("dns", time.Hour, func(c *x509.Certificate) {
		c.IPAddresses = append(c.IPAddresses, []byte{127, 0, 0, 1})
	})}
	path = filepath.Join(t.TempDir(), "ca.pem")
	write(t, path, ours)
	e, err := NewEncryption(own, path)
	if err != nil {
		t.Fatal(err)
	}
	access := *o.api.access.Load()
	access.By = e
	o.api.Allow(access)
	o.console.Encrypt(e)
	return o, ours, own, path
}

// The metrics are for clients with a certificate of the operator's authority that is in force and
// for clients, or with a token if there are both ways; health is told to all, and the API takes its
// tokens. Who may not is told why.
func TestMetricsTakeACertificate(t *testing.T) {
	o, ours, _, _ := encryptedOffice(t)
	theirs := newAuthority(t, "ours") // another one of the same name
	good := ours.client(time.Hour, x509.ExtKeyUsageClientAuth)
	for _, c := range []struct {
		what   string
		cert   *tls.Certificate
		closed bool
		token  string
		status int
		why    string
	}{
		{"ours", good, false, "", 200, ""},
		{"ours, where tokens are taken too", good, true, "", 200, ""},
		{"none", nil, false, "", 403, "no certificate was sent"},
		{"none, and a token that nothing takes", nil, false, reader, 403, "no certificate"},
		{"none, and a token", nil, true, reader, 200, ""},
		{"none, and a wrong token", nil, true, "wrong", 401, "send a token"},
		{"another authority's", theirs.client(time.Hour, x509.ExtKeyUsageClientAuth), false, "",
			403, "unknown authority"},
		{"another authority's, and a token", theirs.client(time.Hour,
			x509.ExtKeyUsageClientAuth), true, reader, 200, ""},
		{"one that has ended", ours.client(-time.Hour, x509.ExtKeyUsageClientAuth), false, "",
			403, "expired"},
		{"a server's", ours.client(time.Hour, x509.ExtKeyUsageServerAuth), false, "", 403,
			"incompatible key usage"},
	} {
		access := *o.api.access.Load()
		access.Closed = c.closed
		o.api.Allow(access)
		s := o.scraper(ours, c.cert)
		if status, text := s.get("/metrics", c.token); status != c.status ||
			!strings.Contains(text, c.why) {
			t.Errorf("%s: %d %s", c.what, status, text)
		}
		if status, text := s.get("/healthz", ""); status != 200 {
			t.Errorf("%s: /healthz: %d %s", c.what, status, text)
		}
		if status, _ := s.get(Prefix+"look", ""); status != 401 {
			t.Errorf("%s: a certificate is as good as a token for the API: %d", c.what, status)
		}
	}
	// Without TLS nobody is served, whatever is said.
	res, err := http.Get("http://" + o.console.Addr() + "/metrics")
	if err == nil {
		defer res.Body.Close()
	}
	if err == nil && res.StatusCode == 200 {
		t.Error("the metrics are served without TLS")
	}
}

// Between the steps of a reload that takes the certificates away and has tokens in their place, or
// nothing, the metrics are as they were before: not for all.
func TestMetricsWhileAccessChanges(t *testing.T) {
	o, _, _, _ := encryptedOffice(t)
	o.console.Encrypt(nil)
	status := func() int {
		res, err := http.Get("http://" + o.console.Addr() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := status(); got != 403 {
		t.Errorf("before tokens are demanded: %d", got)
	}
	access := *o.api.access.Load()
	access.By, access.Closed = nil, true
	o.api.Allow(access)
	if got := status(); got != 401 {
		t.Errorf("with tokens in their place: %d", got)
	}
}

// Files that are renewed are used from the next connection or scrape on, and what was taken out of
// the authorities ends on open connections. A broken file changes nothing, and is told once.
func TestEncryptionIsRenewed(t *testing.T) {
	o, ours, own, path := encryptedOffice(t)
	next := newAuthority(t, "next")
	renewed := ours.client(time.Hour, x509.ExtKeyUsageClientAuth)
	s := o.scraper(ours, renewed)
	other := o.scraper(next, next.client(time.Hour, x509.ExtKeyUsageClientAuth))
	expect := func(when string, s *scraper, want int) {
		t.Helper()
		if got, text := s.get("/metrics", ""); got != want {
			t.Errorf("%s: %d, want %d: %s", when, got, want, text)
		}
	}
	expect("before", s, 200)
	expect("of the next authority, before", other, 0) // it does not trust the listener either
	if err := os.WriteFile(path, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	own.broken = errors.New("no key yet")
	for range 3 {
		expect("with broken files", s, 200)
	}
	if n := strings.Count(o.log.String(), "no key yet"); n != 1 ||
		!strings.Contains(o.log.String(), "no certificate in PEM form") {
		t.Errorf("broken files are told %d times:\n%s", n, o.log.String())
	}
	write(t, path, ours, next)
	own.broken, own.cert = nil, next.issue("dns", time.Hour, func(c *x509.Certificate) {
		c.IPAddresses = append(c.IPAddresses, []byte{127, 0, 0, 1})
	})
	if got, clients, _ := o.api.access.Load().By.Certificates(); got != own.cert.Leaf ||
		!clients.Equal(ours.cert) && !clients.Equal(next.cert) {
		t.Errorf("before a connection: %v, %v", got.Subject, clients.Subject)
	}
	expect("with both", s, 200)
	expect("of the next authority, with both", other, 200)
	write(t, path, next)
	if _, clients, _ := o.api.access.Load().By.Certificates(); !clients.Equal(next.cert) {
		t.Error("the authority that was taken out of the file is still told of")
	}
	expect("on a connection that is open", s, 403)
	*renewed = *next.client(time.Hour, x509.ExtKeyUsageClientAuth)
	s.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(next.cert)
	expect("with a certificate that was renewed", s, 200)
	expect("of the next authority", other, 200)
	o.console.Encrypt(nil)
	if res, err := http.Get("http://" + o.console.Addr() + "/healthz"); err != nil ||
		res.StatusCode != 200 {
		t.Errorf("without encryption: %v, %v", res, err)
	}
}

// A file without authorities is refused at the start.
func TestEncryptionWithoutAuthorities(t *testing.T) {
	for what, text := range map[string]string{"empty": "",
		"a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		path := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := NewEncryption(&pair{}, path); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	if _, err := NewEncryption(&pair{}, fmt.Sprint(t.TempDir(), "/none")); err == nil {
		t.Error("a file that is not there is taken")
	}
}
