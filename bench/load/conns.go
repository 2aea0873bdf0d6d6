// Connections of the loads.

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/transport"
	"bailiwick/wire"
)

type dotConn struct{ *tls.Conn }

func (c dotConn) end() { _ = c.Close() }

type doqConn struct{ *quic.Conn }

func (c doqConn) end() { _ = c.CloseWithError(0, "") }

// query is one for the name, behind its length.
func (o *options) query() []byte {
	q := wire.AppendQuery([]byte{0, 0}, 0, wire.FlagRD, []byte(wire.MustParseName(o.name).Wire()),
		wire.TypeA, 1232, true, nil)
	q[1] = byte(len(q) - 2)
	return q
}

// open makes a connection and asks one query on it. Loopback clients come from many addresses, for
// one has too few ports.
func (o *options) open(i int) (interface{ end() }, error) {
	if o.via == "doq" {
		c, err := o.dialQUIC(nil)
		if err != nil {
			return nil, err
		}
		return doqConn{c}, askQUIC(c, o.query())
	}
	c, err := o.dialTLS(i, nil)
	if err != nil {
		return nil, err
	}
	return dotConn{c}, nil
}

func (o *options) dialTLS(i int, cache tls.ClientSessionCache) (*tls.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if strings.HasPrefix(o.server, "127.") {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%200))}
	}
	c, err := tls.DialWithDialer(&d, "tcp", o.server, o.tls("dot", cache))
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(o.query()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if _, err := transport.ReadFrame(c); err != nil { // session tickets come before the answer
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// once makes a connection, asks, and closes; it reports whether a session was resumed.
func (o *options) once(i int, cache tls.ClientSessionCache) (resumed bool, err error) {
	if o.via == "doq" {
		c, err := o.dialQUIC(cache)
		if err != nil {
			return false, err
		}
		defer c.CloseWithError(0, "")
		return c.ConnectionState().TLS.DidResume, askQUIC(c, o.query())
	}
	c, err := o.dialTLS(i, cache)
	if err != nil {
		return false, err
	}
	defer c.Close()
	return c.ConnectionState().DidResume, nil
}

// usage is what a process has used.
type usage struct {
	cpu    time.Duration
	memory int64 // proportional set size, octets
}

func (u usage) since(b usage) usage { return usage{u.cpu - b.cpu, u.memory - b.memory} }

// measure reads a process's usage; nothing for pid 0.
func measure(pid int) (u usage) {
	if pid == 0 {
		return u
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, i := range []int{11, 12} { // utime, stime
			n, _ := strconv.ParseInt(f[i], 10, 64)
			u.cpu += time.Duration(n) * tick
		}
	}
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		for _, l := range strings.Split(string(b), "\n") {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "Pss:" {
				n, _ := strconv.ParseInt(f[1], 10, 64)
				u.memory = n << 10
			}
		}
	}
	return u
}
