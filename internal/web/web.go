package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"bailiwick/wire"
)

// Parts are what a client works with.
type Parts struct {
	// Lookup returns the addresses of a host.
	Lookup func(ctx context.Context, host wire.Name) ([]netip.Addr, error)
	// Dial connects; nil for the network's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots issue the certificates of servers; nil: the system's.
	Roots *x509.CertPool
}

// Transport returns what carries requests to whoever the name belongs to, and to nobody else.
// Connections stay open for later requests.
func Transport(p Parts) *http.Transport {
	if p.Dial == nil {
		p.Dial = (&net.Dialer{}).DialContext
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: p.dial,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.Roots},
		TLSHandshakeTimeout: connectTime, ResponseHeaderTimeout: idleTime,
		IdleConnTimeout: keepTime}
}

// Client returns a client that speaks TLS with whoever the name belongs to, and with nobody else:
// a server that refers to a place without TLS is not followed.
func Client(p Parts) *http.Client {
	carrier := Transport(p)
	carrier.DisableKeepAlives = true
	return &http.Client{
		Transport: bodiless{carrier},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Scheme != "https" || len(via) >= maxRedirects {
				return fmt.Errorf("it refers to %s", r.URL)
			}
			return nil
		},
	}
}

// bodiless leaves out the bodies of redirects. http.Client reads them before it goes on, for as
// long as a slow server likes, and no Body watches over that.
type bodiless struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bodiless) RoundTrip(q *http.Request) (*http.Response, error) {
	r, err := b.Transport.RoundTrip(q)
	if err == nil && r.StatusCode/100 == 3 {
		_ = r.Body.Close() // nothing of it is of use
		r.Body = http.NoBody
	}
	return r, err
}

// dial connects to a host that the resolver looks up.
func (p *Parts) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return p.Dial(ctx, network, address)
	}
	name, err := wire.ParseName(host)
	if err != nil {
		return nil, err
	}
	addrs, err := p.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", name)
	}
	var failed []error
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		c, err := p.Dial(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// CheckURL returns what is wrong with the address of a file: it has to be one of https, and must
// not hold a password, which logs would show.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("url %q is not one such as https://host/path", text)
	}
	return nil
}

// Body is the body of a response: reading it fails with an error when it is longer than it may be,
// as what was read so far would look like all of it, and when the server is silent or slow for too
// long.
type Body struct {
	from    io.Reader
	left    int64
	tooLong error
	due     int64 // octets that are to come before silence ends
	silence *time.Timer
	slow    atomic.Bool // silence has ended
}

// errSlow is the error of a body of which too little came.
var errSlow = fmt.Errorf("less than %d octets came in %v", minProgress, idleTime)

// NewBody returns a body of no more than so many octets. cancel ends the request. Stop has to be
// called.
func NewBody(from io.Reader, octets int64, tooLong error, cancel func()) *Body {
	b := &Body{from: from, left: octets, tooLong: tooLong, due: minProgress}
	b.silence = time.AfterFunc(idleTime, func() {
		b.slow.Store(true)
		cancel()
	})
	return b
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.due -= int64(n); b.due <= 0 {
		b.due = minProgress
		b.silence.Reset(idleTime)
	}
	if b.left -= int64(n); b.left < 0 {
		return 0, b.tooLong
	}
	if err != nil && err != io.EOF && b.slow.Load() {
		err = errSlow
	}
	return n, err
}

// Stop ends the watch over silence.
func (b *Body) Stop() { b.silence.Stop() }
