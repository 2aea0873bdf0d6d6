package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// pieces is a body that comes in pieces of a size, each after a pause, until the request ends.
type pieces struct {
	ctx         context.Context
	size, count int
	pause       time.Duration
}

func (p *pieces) Read(b []byte) (int, error) {
	select {
	case <-p.ctx.Done():
		return 0, p.ctx.Err()
	case <-time.After(p.pause):
	}
	if p.count--; p.count < 0 {
		return 0, io.EOF
	}
	return min(p.size, len(b)), nil
}

// A server that sends an octet now and then holds nothing up for longer than one that is silent.
// One that is slow, but comes to an end some day, is waited for. Block lists whose servers did that
// kept others from being fetched for a quarter of an hour (openwrt/packages 29639), or had nothing
// blocked at all (0xERR0R/blocky 435 and 1825).
func TestMinProgress(t *testing.T) {
	for _, c := range []struct {
		what string
		of   pieces
		want error
		took time.Duration
	}{
		{"an octet each 5 seconds", pieces{size: 1, count: 1000, pause: 5 * time.Second}, errSlow,
			30 * time.Second},
		{"silence", pieces{size: 1, count: 1, pause: time.Hour}, errSlow, 30 * time.Second},
		{"a modem", pieces{size: 3 << 10, count: 1000, pause: time.Second}, nil,
			1001 * time.Second},
		{"little, and that slowly", pieces{size: 9, count: 4, pause: 5 * time.Second}, nil,
			25 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.of.ctx = ctx
			b := NewBody(&c.of, 1<<30, io.ErrShortBuffer, cancel)
			defer b.Stop()
			begun := time.Now()
			_, err := io.Copy(io.Discard, b)
			if took := time.Since(begun); !errors.Is(err, c.want) || took != c.took {
				t.Errorf("%s: %v after %v", c.what, err, took)
			}
		})
	}
}

// served returns the parts of a client whose connections lead to a function, over TLS.
func served(t *testing.T, serve func(c *tls.Conn, q *http.Request)) Parts {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS() // for its certificate
	s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	dial := func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			c := tls.Server(there, &tls.Config{Certificates: s.TLS.Certificates})
			defer there.Close()
			q, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				t.Error(err)
				return
			}
			serve(c, q)
		}()
		return here, nil
	}
	return Parts{Dial: dial, Roots: roots}
}

// A server cannot hold a client up by the body of a redirect either, which http.Client reads before
// it goes on.
func TestMinProgressOfRedirects(t *testing.T) {
	p := served(t, func(c *tls.Conn, q *http.Request) {
		if q.URL.Path != "/" {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist")
			return
		}
		fmt.Fprint(c, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000\r\n\r\n")
		gone := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, c)
			close(gone)
		}()
		for range 1000 {
			select {
			case <-gone:
				return
			case <-time.After(5 * time.Second):
			}
			if _, err := c.Write([]byte{'a'}); err != nil {
				return
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		r, err := Client(p).Get("https://127.0.0.1/")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if took := time.Since(begun); err != nil || string(b) != "list" || took > idleTime {
			t.Errorf("%q, %v after %v", b, err, took)
		}
	})
}

// A connection without requests is closed.
func TestKeepTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan time.Time)
		p := served(t, func(c *tls.Conn, _ *http.Request) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			closed <- time.Now()
		})
		carrier := Transport(p)
		defer carrier.CloseIdleConnections()
		r, err := (&http.Client{Transport: carrier}).Get("https://127.0.0.1/")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		begun := time.Now()
		select {
		case at := <-closed:
			if kept := at.Sub(begun); kept != keepTime {
				t.Errorf("it was kept for %v", kept)
			}
		case <-time.After(2 * keepTime):
			t.Error("it is kept")
			carrier.CloseIdleConnections()
			<-closed
		}
	})
}
