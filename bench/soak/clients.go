// Clients: one way to ask for each transport.

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// client asks one server over one transport, one question at a time.
type client interface {
	ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error)
	// renew closes the connection that the next query would use.
	renew()
}

// newClient returns a client of a transport.
func newClient(via string, p *process) client {
	insecure := func(alpn ...string) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, NextProtos: alpn, ServerName: "localhost"}
	}
	url := "https://" + p.https + "/dns-query"
	switch via {
	case "udp":
		return overUDP{p.plain, p.plain}
	case "tcp":
		return &overStream{network: "tcp", at: p.plain}
	case "dot":
		return &overStream{network: "tcp-tls", at: p.tls, tls: insecure("dot")}
	case "doh":
		t := &http.Transport{TLSClientConfig: insecure("h2"), ForceAttemptHTTP2: true}
		return overHTTP{&http.Client{Transport: t}, t.CloseIdleConnections, url}
	case "doh3":
		c := &overHTTP3{url: url, tls: insecure("h3")}
		c.renew()
		return c
	case "doq":
		return &overQUIC{at: p.tls, tls: insecure("doq")}
	case "extra udp":
		return overUDP{p.extra, p.plain}
	default: // "extra dot"
		return &overStream{network: "tcp-tls", at: p.extra, tls: insecure("dot")}
	}
}

// transports are those that clients ask over, each with its share of the queries.
var transports = []struct {
	name  string
	share int
}{{"udp", 6}, {"tcp", 2}, {"dot", 2}, {"doh", 2}, {"doh3", 1}, {"doq", 2}, {"extra udp", 1},
	{"extra dot", 1}}

// overUDP asks with a socket of its own each time, and over TCP what does not fit.
type overUDP struct{ at, tcp string }

func (overUDP) renew() {}

func (c overUDP) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	m, _, err := (&dns.Client{Timeout: patience}).ExchangeContext(ctx, q, c.at)
	if err == nil && m.Truncated {
		m, _, err = (&dns.Client{Net: "tcp", Timeout: patience}).ExchangeContext(ctx, q,
			c.tcp)
	}
	return m, err
}

// keeper is a client that keeps a connection.
type keeper interface {
	client
	connected() bool
	dial(ctx context.Context) error
	once(ctx context.Context, q *dns.Msg) (*dns.Msg, error)
}

// askKept asks on the connection that a client keeps, or on a new one. One that was kept may be
// closed by now: then a new one is tried.
func askKept(ctx context.Context, c keeper, q *dns.Msg) (m *dns.Msg, err error) {
	for range 2 {
		kept := c.connected()
		if !kept {
			if err := c.dial(ctx); err != nil {
				return nil, err
			}
		}
		if m, err = c.once(ctx, q); err == nil {
			return m, nil
		}
		c.renew()
		if !kept || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// overStream asks on a connection that it keeps.
type overStream struct {
	network, at string
	tls         *tls.Config
	conn        *dns.Conn
}

func (c *overStream) renew() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *overStream) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	return askKept(ctx, c, q)
}

func (c *overStream) connected() bool { return c.conn != nil }

func (c *overStream) dial(ctx context.Context) (err error) {
	d := dns.Client{Net: c.network, TLSConfig: c.tls, Dialer: &net.Dialer{Timeout: patience}}
	c.conn, err = d.DialContext(ctx, c.at)
	return err
}

func (c *overStream) once(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	end, _ := ctx.Deadline()
	if err := c.conn.SetDeadline(end); err != nil {
		return nil, err
	}
	if err := c.conn.WriteMsg(q); err != nil {
		return nil, err
	}
	m, err := c.conn.ReadMsg()
	if err == nil && m.Id != q.Id {
		err = fmt.Errorf("ID %d for %d", m.Id, q.Id)
	}
	return m, err
}

// overHTTP asks by POST (RFC 8484).
type overHTTP struct {
	*http.Client
	end func()
	url string
}

func (c overHTTP) renew() { c.end() }

func (c overHTTP) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	b, err := q.Pack()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/dns-message")
	reply, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	b, err = io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	if reply.StatusCode != http.StatusOK {
		return nil, errors.New(reply.Status)
	}
	m := new(dns.Msg)
	return m, m.Unpack(b)
}

// overHTTP3 is overHTTP by HTTP/3.
type overHTTP3 struct {
	url string
	tls *tls.Config
	now *http3.Transport
}

func (c *overHTTP3) renew() {
	if c.now != nil {
		_ = c.now.Close()
	}
	c.now = &http3.Transport{TLSClientConfig: c.tls,
		QUICConfig: &quic.Config{DisablePathMTUDiscovery: true}}
}

func (c *overHTTP3) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	m, err := overHTTP{&http.Client{Transport: c.now}, nil, c.url}.ask(ctx, q)
	if err != nil {
		c.renew()
	}
	return m, err
}

// overQUIC asks on a stream of its own each time (RFC 9250), of a connection that it keeps.
type overQUIC struct {
	at   string
	tls  *tls.Config
	conn *quic.Conn
}

func (c *overQUIC) renew() {
	if c.conn != nil {
		_ = c.conn.CloseWithError(0, "")
		c.conn = nil
	}
}

func (c *overQUIC) ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	return askKept(ctx, c, q)
}

func (c *overQUIC) connected() bool { return c.conn != nil }

func (c *overQUIC) dial(ctx context.Context) error {
	conn, err := quic.DialAddr(ctx, c.at, c.tls, &quic.Config{DisablePathMTUDiscovery: true})
	if err == nil {
		c.conn = conn
	}
	return err
}

func (c *overQUIC) once(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	s, err := c.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	end, _ := ctx.Deadline()
	_ = s.SetDeadline(end) // of a stream that is open it does not fail
	o := q.Copy()
	o.Id = 0 // RFC 9250, section 4.2.1
	b, err := o.Pack()
	if err != nil {
		return nil, err
	}
	b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	if _, err := s.Write(b); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	b, err = io.ReadAll(s)
	if err != nil {
		return nil, err
	}
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return nil, fmt.Errorf("a frame of %d octets", len(b))
	}
	m := new(dns.Msg)
	return m, m.Unpack(b[2:])
}

// patience is how long a client waits for one try.
const patience = 6 * time.Second
