// Requests by certificates that are renewed in their files.

package web

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"

	"bailiwick/internal/pemfile"
)

// Renewed makes each request by the certificates that their files hold at that moment. Connections
// that began with others end when they are idle.
type Renewed struct {
	like  *http.Transport
	roots *pemfile.Trusted
	own   *pemfile.Own

	mu      sync.Mutex
	current *http.Transport  // like like; guarded by mu, as is all below
	pool    *x509.CertPool   // of current
	shown   *tls.Certificate // the same
}

// NewRenewed returns a transport that is like another one, and has the authorities of servers and
// its own certificate from files.
func NewRenewed(like *http.Transport, roots *pemfile.Trusted, own *pemfile.Own) *Renewed {
	return &Renewed{like: like, roots: roots, own: own}
}

// RoundTrip implements http.RoundTripper.
func (r *Renewed) RoundTrip(q *http.Request) (*http.Response, error) {
	return r.now().RoundTrip(q)
}

// now returns the transport of the next request.
func (r *Renewed) now() *http.Transport {
	pool, own := r.roots.Pool(), r.own.Certificate()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && pool == r.pool && own == r.shown {
		return r.current
	}
	r.closeIdle()
	r.current, r.pool, r.shown = r.like.Clone(), pool, own
	r.current.TLSClientConfig.RootCAs = pool
	if own != nil {
		r.current.TLSClientConfig.Certificates = []tls.Certificate{*own}
	}
	return r.current
}

// CloseIdleConnections ends connections that are kept for later requests.
func (r *Renewed) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeIdle()
}

// closeIdle is CloseIdleConnections for who holds mu.
func (r *Renewed) closeIdle() {
	if r.current != nil {
		r.current.CloseIdleConnections()
	}
}
