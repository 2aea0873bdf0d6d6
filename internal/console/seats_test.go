package console

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab/testtime"
)

// queue is a listener of connections that a test makes.
type queue chan net.Conn

func (q queue) Accept() (net.Conn, error) {
	if c, ok := <-q; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (q queue) Close() error   { close(q); return nil }
func (q queue) Addr() net.Addr { return &net.TCPAddr{} }

// sent is a connection that comes from somewhere.
type sent struct {
	net.Conn
	from net.Addr
}

func (s sent) RemoteAddr() net.Addr { return s.from }

// open has a connection accepted, and returns both ends.
func (q queue) open(t *testing.T, s *seats) (here net.Conn, at *seat) {
	t.Helper()
	return q.openFrom(t, s, "192.0.2.1")
}

// openFrom is open for a connection from an address.
func (q queue) openFrom(t *testing.T, s *seats, from string) (here net.Conn, at *seat) {
	t.Helper()
	here, end := net.Pipe()
	there := sent{end, &net.TCPAddr{IP: net.ParseIP(from)}}
	go func() { q <- there }()
	c, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return here, c.(*seat)
}

// ended reports whether the other side has ended a connection; nothing is ever sent on it.
func ended(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now())
	_, err := c.Read(make([]byte, 1))
	return err == io.EOF
}

// There are no more than maxConnections to the admin listener. A new one displaces the oldest on
// which nobody with a token has an operation under way: neither idle connections nor endless
// requests keep health checks out. If all have operations, it waits for one to end.
func TestMaxConnectionsOfTheAdminListener(t *testing.T) { synctest.Test(t, displacing) }

func displacing(t *testing.T) {
	q := make(queue)
	s := newSeats(q)
	var here []net.Conn
	var there []*seat
	for range maxConnections {
		c, at := q.open(t, s)
		here, there = append(here, c), append(there, at)
	}
	release := there[0].keep()
	type opened struct {
		here  net.Conn
		there *seat
	}
	next := make(chan opened, 1)
	accept := func() {
		c, at := q.open(t, s)
		next <- opened{c, at}
	}
	go accept()
	synctest.Wait()
	if len(next) > 0 {
		t.Error("one that has only come has to go")
	}
	time.Sleep(seatTime)
	more := <-next
	if ended(here[0]) || !ended(here[1]) || ended(here[2]) ||
		ended(more.here) {
		t.Error("the one that ends is not the oldest without an operation")
	}
	if n := len(s.taken); n != maxConnections {
		t.Errorf("%d connections", n)
	}
	for _, c := range append(there[2:], more.there) {
		c.keep()
	}
	go accept()
	synctest.Wait()
	if len(next) > 0 {
		t.Error("one more has come although all have operations")
	}
	release()
	came := <-next
	if !ended(here[0]) || len(s.taken) != maxConnections {
		t.Errorf("the operation that is over has kept its place: %d connections", len(s.taken))
	}
	came.there.keep()
	failed := make(chan error, 1)
	go func() {
		_, there := net.Pipe()
		go func() { q <- there }()
		_, err := s.Accept()
		failed <- err
	}()
	synctest.Wait()
	if len(failed) > 0 {
		t.Error("it does not wait")
	}
	_ = s.Close()
	if err := <-failed; err != net.ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

// A network that opens many connections takes places of its own: what another has open stays,
// however old it is. The addresses of a /64 of IPv6 are of one network.
func TestMaxConnectionsOfTheAdminListenerByNetwork(t *testing.T) {
	for _, from := range []func(i int) string{
		func(int) string { return "192.0.2.66" },
		func(int) string { return "::ffff:192.0.2.66" },
		func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) },
	} {
		synctest.Test(t, func(t *testing.T) {
			q := make(queue)
			s := newSeats(q)
			scraper, _ := q.openFrom(t, s, "192.0.2.1")
			other, _ := q.openFrom(t, s, "2001:db8:0:1::1")
			var many []net.Conn
			for i := range 3 * maxConnections {
				time.Sleep(seatTime)
				c, _ := q.openFrom(t, s, from(i))
				many = append(many, c)
			}
			if ended(scraper) || ended(other) || !ended(many[0]) || ended(many[len(many)-1]) {
				t.Errorf("one from %s ends another network's", from(0))
			}
			late, _ := q.openFrom(t, s, "192.0.2.2")
			if ended(scraper) || ended(other) || ended(late) || len(s.taken) != maxConnections {
				t.Errorf("there is no place beside those from %s", from(0))
			}
			_ = s.Close()
		})
	}
}

// A reply does not wait for a body that nobody reads: whoever sends none is refused at once, and
// the connection ends. That of an operation is waited for, and its connection goes on.
func TestUnreadBodiesAreNotWaitedFor(t *testing.T) {
	o := newOffice(t)
	for head, want := range map[string]int{
		"POST " + Prefix + "flush HTTP/1.1\r\nContent-Length: 60000\r\n": http.StatusUnauthorized,
		"GET /healthz HTTP/1.1\r\nContent-Length: 60000\r\n":             http.StatusOK,
		"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n":        http.StatusOK,
		"GET " + Prefix + "status HTTP/1.1\r\nContent-Length: 60000\r\nAuthorization: Bearer " +
			reader + "\r\n": http.StatusOK,
	} {
		c, err := net.Dial("tcp", o.console.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(testtime.Patience))
		fmt.Fprintf(c, "%sHost: localhost\r\n\r\n", head)
		in := bufio.NewReader(c)
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("%q: %v", head, err)
			continue
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != want || !r.Close {
			t.Errorf("%q: %d, closes %t, %v", head, r.StatusCode, r.Close, err)
		}
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("%q: the connection goes on: %v", head, err)
		}
	}
	r, _ := o.ask(request{"POST", "flush", operator, `{"name": "a.example"}`, nil})
	if r.StatusCode != http.StatusOK || r.Close {
		t.Errorf("%d, closes %t", r.StatusCode, r.Close)
	}
}

// An operation that is under way keeps its connection, with and without TLS, however many others
// come meanwhile.
func TestOperationsKeepTheirConnections(t *testing.T) {
	plain := newOffice(t)
	encrypted, ours, _, _ := encryptedOffice(t)
	for _, o := range []*office{plain, encrypted} {
		runs := 0
		for i := range o.api.desk.ops {
			if op := &o.api.desk.ops[i]; op.Name == "status" {
				op.Run = func(Request) (Result, error) {
					runs++
					for range maxConnections + 2 {
						o.visit()
					}
					return Result{Fields: map[string]any{"well": true}}, nil
				}
			}
		}
		if o == plain {
			o.expect(request{"GET", "status", reader, "", nil}, http.StatusOK, "well")
		} else if status, text := o.scraper(ours, nil).get(Prefix+"status",
			reader); status != http.StatusOK {
			t.Errorf("encrypted: %d %s", status, text)
		}
		if runs != 1 {
			t.Errorf("it was run %d times", runs)
		}
	}
}

// visit asks for /healthz on a connection of its own, which stays open until the end of the test.
func (o *office) visit() {
	c, err := net.Dial("tcp", o.console.Addr())
	if err != nil {
		o.t.Error(err)
		return
	}
	o.t.Cleanup(func() { _ = c.Close() })
	if o.console.Scheme() == "https" {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // whoever it is
	}
	_ = c.SetDeadline(time.Now().Add(testtime.Patience))
	fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 200 {
		o.t.Errorf("%v %v", r, err)
	}
}
