// The sources of the server's certificates.

package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"time"

	"bailiwick/internal/pemfile"
	"bailiwick/internal/samefile"
)

// ErrNoCertificate is the error of a handshake while there is no certificate yet. The client is
// told at once: one that is made up would teach people to go on in spite of warnings.
var ErrNoCertificate = errors.New("there is no certificate yet")

// CertificateSource provides certificates: from files, or from an authority (internal/acme).
type CertificateSource interface {
	// Certificate chooses a certificate for a client. Without any its error is ErrNoCertificate.
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// All returns the certificates in use; none if the first is still to come.
	All() []*tls.Certificate
	// Refresh looks for newer certificates. After an error those in use stay in use.
	Refresh() error
}

// NamedCertificate is a certificate by what names it.
type NamedCertificate struct {
	Key   string // of the configuration, such as resolver.forward_zones[0].tls_certificate
	Index int    // its place among those of the key
	From  string // what it is had from: FromFile or FromAuthority
	Leaf  *x509.Certificate
	// Stale is whether its files have changed and cannot be used as they are now: the certificate
	// is the one that they held before.
	Stale bool
}

// What certificates are had from.
const (
	FromFile      = "file"
	FromAuthority = "authority" // of tls.acme, which renews it
)

// Name is the first name that a certificate is for.
func (c *NamedCertificate) Name() string {
	if len(c.Leaf.DNSNames) > 0 {
		return c.Leaf.DNSNames[0]
	}
	return c.Leaf.Subject.CommonName
}

// EndsSoon reports whether a certificate is in the last time of its life, or has ended: soon, or a
// third of its life, if that is less.
func EndsSoon(c *x509.Certificate, now time.Time, soon time.Duration) bool {
	return c.NotAfter.Sub(now) < min(soon, c.NotAfter.Sub(c.NotBefore)/3)
}

// CertificateFile is a pair of PEM files: the chain, the server's certificate first, and its key.
type CertificateFile struct {
	Certificate, Key string
}

// choose returns the first certificate of the lists that a client can use. If it can use none it
// gets the first, and decides whether it accepts another name.
func choose(hello *tls.ClientHelloInfo, lists ...[]*tls.Certificate) (*tls.Certificate, error) {
	var first *tls.Certificate
	for _, all := range lists {
		for _, k := range all {
			if hello.SupportsCertificate(k) == nil {
				return k, nil
			}
			if first == nil {
				first = k
			}
		}
	}
	if first == nil {
		return nil, ErrNoCertificate
	}
	return first, nil
}

// Together returns the certificates of two sources as those of one.
func Together(a, b CertificateSource) CertificateSource { return &both{a, b} }

// both is the source of the certificates of two.
type both struct{ a, b CertificateSource }

func (s *both) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return choose(hello, s.a.All(), s.b.All())
}

func (s *both) All() []*tls.Certificate { return slices.Concat(s.a.All(), s.b.All()) }

func (s *both) Refresh() error { return errors.Join(s.a.Refresh(), s.b.Refresh()) }

// certificateFiles reads certificates from files, and again when the files change.
type certificateFiles struct {
	*samefile.Copy[[]*tls.Certificate]
}

// LoadCertificates reads certificates from files.
func LoadCertificates(files []CertificateFile) (CertificateSource, error) {
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Certificate, f.Key)
	}
	c := certificateFiles{samefile.NewCopy(func() (*[]*tls.Certificate, error) {
		return readCertificates(files)
	}, paths...)}
	return c, c.Refresh()
}

// readCertificates reads all certificates, or none.
func readCertificates(files []CertificateFile) (*[]*tls.Certificate, error) {
	var all []*tls.Certificate
	for _, f := range files {
		k, err := pemfile.KeyPair(f.Certificate, f.Key)
		if err == nil {
			err = CheckFeatures(k.Leaf)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Certificate, err)
		}
		all = append(all, &k)
	}
	return &all, nil
}

func (c certificateFiles) All() []*tls.Certificate { return *c.Current() }

func (c certificateFiles) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return choose(hello, c.All())
}

// Refresh implements CertificateSource.
func (c certificateFiles) Refresh() error {
	if err := c.Copy.Refresh(); err != nil {
		return fmt.Errorf("certificate %w", err)
	}
	return nil
}

// fixedCertificate is a source whose certificate never changes.
type fixedCertificate []*tls.Certificate

func (c fixedCertificate) All() []*tls.Certificate { return c }

func (c fixedCertificate) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return choose(hello, c)
}

func (fixedCertificate) Refresh() error { return nil }

// SelfSigned makes a self-signed certificate, for trials.
func SelfSigned(now time.Time, names []string, addrs []netip.Addr) (CertificateSource, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: names}
	for _, a := range addrs {
		tmpl.IPAddresses = append(tmpl.IPAddresses, a.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return fixedCertificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}, nil
}
