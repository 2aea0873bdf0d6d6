// TLS of the admin listener, and the clients that it knows by their certificates.

package console

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"

	"bailiwick/internal/pemfile"
)

// Certificates are the listener's own, from files that are read again when they have changed.
type Certificates interface {
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	All() []*tls.Certificate // one at least
	Refresh() error
}

// Encryption is what the admin listener encrypts with, and the authorities of the clients that may
// have the metrics by a certificate. A nil Encryption encrypts nothing.
type Encryption struct {
	own Certificates
	// clients are the authorities; nil: no client is asked for a certificate.
	clients *pemfile.Trusted

	mu     sync.Mutex
	failed string // why the files in use are not those of now; guarded by mu
}

// NewEncryption returns the encryption by some certificates. Path is a PEM file of authorities, ""
// for none.
func NewEncryption(own Certificates, path string) (*Encryption, error) {
	e := &Encryption{own: own}
	if path == "" {
		return e, nil
	}
	var err error
	e.clients, err = pemfile.OpenTrusted(path)
	return e, err
}

// reread reads files again that have changed. After an error those in use stay in use.
func (e *Encryption) reread() error {
	err := e.own.Refresh()
	if e.clients != nil {
		err = errors.Join(err, e.clients.Refresh())
	}
	return err
}

// refresh has files that were renewed be used, and returns the authorities of clients. Those in use
// stay in use if the new ones are broken, of which failed hears once. Connections and scrapes are
// few: nothing has to look at the files in between.
func (e *Encryption) refresh(failed func(error)) *x509.CertPool {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, err := "", e.reread()
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != e.failed {
		failed(err)
	}
	e.failed = text
	return e.clients.Pool()
}

// Certificates returns the listener's own certificate, and the authority of its clients that ends
// last, nil for none: those that the next connection has. The error is why they are not what the
// files hold now.
func (e *Encryption) Certificates() (own, client *x509.Certificate, err error) {
	err = e.reread()
	if e.clients != nil {
		client = e.clients.Leaf()
	}
	return e.own.All()[0].Leaf, client, err
}

// config returns the settings of a connection. The handshake accepts clients without a certificate,
// or with a wrong one: everybody may use /readyz, the API takes tokens, and a client that may not
// have the metrics gets an answer with the reason.
func (e *Encryption) config(failed func(error)) *tls.Config {
	clients := e.refresh(failed)
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: e.own.Certificate}
	if clients != nil {
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, clients
	}
	return c
}

// asks reports whether clients can have the metrics by a certificate.
func (e *Encryption) asks() bool { return e != nil && e.clients != nil }

// verify returns why the certificate of a request does not let it have the metrics. It is verified
// for each request: what ends, or is of an authority that was taken out of the file, ends on open
// connections too. That the client has the key was proven by the handshake.
func (e *Encryption) verify(r *http.Request, failed func(error)) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errors.New("no certificate was sent")
	}
	chain := x509.NewCertPool()
	for _, c := range r.TLS.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := r.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: e.refresh(failed),
		Intermediates: chain, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

// encrypted is a listener whose connections are as the encryption of the moment wants.
type encrypted struct {
	net.Listener
	c *Console
}

// Accept implements net.Listener. The handshake is net/http's to make, in the connection's own
// goroutine and time.
func (l *encrypted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if e := l.c.encryption.Load(); e != nil {
		return tls.Server(conn, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (
			*tls.Config, error) {
			return e.config(l.c.staleFiles), nil
		}}), nil
	}
	return conn, nil
}

// Encrypt has connections from now on be encrypted; nil: not.
func (c *Console) Encrypt(by *Encryption) { c.encryption.Store(by) }

// Scheme is the one of URLs of the listener.
func (c *Console) Scheme() string {
	if c.encryption.Load() != nil {
		return "https"
	}
	return "http"
}

// staleFiles logs that files of the encryption cannot be used.
func (c *Console) staleFiles(err error) {
	if a := c.api.Load(); a != nil {
		a.log.Error("the admin listener goes on with the certificates it has", "error",
			err.Error())
	}
}
