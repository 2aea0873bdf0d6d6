// Certificates that are renewed in their files while they are in use.

package pemfile

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	"bailiwick/internal/samefile"
)

// Own is a certificate that this server shows, with its chain and its key, as it is in its files at
// the moment. A nil Own is none.
type Own struct {
	paths []string
	files *samefile.Copy[tls.Certificate]
}

// OpenOwn reads a certificate and its key.
func OpenOwn(certificate, key string) (*Own, error) {
	o := &Own{paths: []string{certificate, key}}
	o.files = samefile.NewCopy(func() (*tls.Certificate, error) {
		pair, err := KeyPair(certificate, key)
		return &pair, err
	}, o.paths...)
	if err := o.Refresh(); err != nil {
		return nil, err
	}
	return o, nil
}

// Refresh reads the files again if they have changed. After an error what is in use stays in use.
func (o *Own) Refresh() error { return o.files.Refresh() }

// Certificate returns the certificate for the next handshake, nil for none. Whoever watches the
// files tells of those that cannot be read.
func (o *Own) Certificate() *tls.Certificate {
	if o == nil {
		return nil
	}
	_ = o.files.Refresh()
	return o.files.Current()
}

// Leaf returns the certificate in use without its chain.
func (o *Own) Leaf() *x509.Certificate { return o.files.Current().Leaf }

// Equal reports whether two certificates are the same: those of the same files are at any time.
func (o *Own) Equal(other *Own) bool {
	return (o == nil) == (other == nil) && (o == nil || slices.Equal(o.paths, other.paths))
}

// Trusted are the authorities that certificates of others have to be issued by, as they are in
// their file at the moment. A nil Trusted is the system's.
type Trusted struct {
	path  string         // "": they are fixed
	pool  *x509.CertPool // if they are
	files *samefile.Copy[Authorities]
}

// OpenTrusted reads authorities.
func OpenTrusted(path string) (*Trusted, error) {
	t := &Trusted{path: path}
	t.files = samefile.NewCopy(func() (*Authorities, error) {
		a, err := readAuthorities(path)
		return &a, err
	}, path)
	if err := t.Refresh(); err != nil {
		return nil, err
	}
	return t, nil
}

// Fixed returns authorities that stay as they are; nil for the system's.
func Fixed(pool *x509.CertPool) *Trusted {
	if pool == nil {
		return nil
	}
	return &Trusted{pool: pool}
}

// Refresh reads the file again if it has changed. After an error what is in use stays in use.
func (t *Trusted) Refresh() error { return t.files.Refresh() }

// Pool returns the authorities for the next handshake, nil for the system's. Whoever watches the
// file tells of one that cannot be read.
func (t *Trusted) Pool() *x509.CertPool {
	switch {
	case t == nil:
		return nil
	case t.path == "":
		return t.pool
	}
	_ = t.files.Refresh()
	return t.files.Current().Pool
}

// Leaf returns the authority in use that ends last.
func (t *Trusted) Leaf() *x509.Certificate { return t.files.Current().Last }

// Equal reports whether two are the same: those of the same file are at any time.
func (t *Trusted) Equal(other *Trusted) bool {
	if t == nil || other == nil {
		return t == other
	}
	return t.path == other.path && t.pool.Equal(other.pool)
}
