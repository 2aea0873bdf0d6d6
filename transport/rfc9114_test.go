package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"bailiwick/internal/cause"
)

// h3client is a client that sends what frames it likes.
type h3client struct {
	*quic.Conn
	t *testing.T
}

func dialH3(t *testing.T, at netip.AddrPort, keepAlive time.Duration) *h3client {
	t.Helper()
	cfg := insecureTLS.Clone()
	cfg.NextProtos = []string{"h3"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := quic.DialAddr(ctx, at.String(), cfg, &quic.Config{KeepAlivePeriod: keepAlive})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseWithError(0x100, "") })
	return &h3client{c, t}
}

// announce sends octets on a unidirectional stream, and ends it if last is true.
func (c *h3client) announce(b []byte, last bool) {
	u, err := c.OpenUniStream()
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = u.Write(b) // the connection may end meanwhile
	if last {
		_ = u.Close()
	}
}

// ask sends octets as a whole request.
func (c *h3client) ask(b []byte) *quic.Stream {
	c.t.Helper()
	s, err := c.OpenStream()
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = s.Write(b) // likewise
	_ = s.Close()
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
	return s
}

// answer returns the status and the body of a response.
func (c *h3client) answer(s *quic.Stream) (status string, body []byte, err error) {
	b, err := io.ReadAll(s)
	for err == nil && len(b) > 0 {
		kind, payload, rest, ok := nextH3Frame(b)
		if !ok {
			return "", nil, errors.New("an incomplete frame")
		}
		b = rest
		if kind == h3Data {
			body = append(body, payload...)
			continue
		}
		f, err := qpack.NewDecoder().Decode(payload)()
		if err != nil {
			return "", nil, err
		}
		status = f.Value
	}
	return status, body, err
}

// end waits for the end of the connection, and returns its code.
func (c *h3client) end() http3.ErrCode {
	c.t.Helper()
	select {
	case <-c.Context().Done():
	case <-time.After(20 * time.Second):
		c.t.Fatal("the connection goes on")
	}
	var end *quic.ApplicationError
	if !errors.As(context.Cause(c.Context()), &end) {
		c.t.Fatal(context.Cause(c.Context()))
	}
	return http3.ErrCode(end.ErrorCode)
}

// control returns a reader of the server's frames after its settings.
func (c *h3client) control() quicvarint.Reader {
	c.t.Helper()
	u, err := c.AcceptUniStream(c.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	_ = u.SetReadDeadline(time.Now().Add(20 * time.Second))
	r := quicvarint.NewReader(u)
	if kind, err := quicvarint.Read(r); kind != h3Control || err != nil {
		c.t.Fatalf("a stream of type %d, %v", kind, err)
	}
	if kind, _ := c.frame(r); kind != h3Settings {
		c.t.Fatalf("a frame of type %d", kind)
	}
	return r
}

// frame returns the type and the first number of a frame.
func (c *h3client) frame(r quicvarint.Reader) (kind, n uint64) {
	c.t.Helper()
	kind, err := quicvarint.Read(r)
	if err != nil {
		c.t.Fatal(err)
	}
	length, err := quicvarint.Read(r)
	if err != nil {
		c.t.Fatal(err)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		c.t.Fatal(err)
	}
	n, _, err = quicvarint.Parse(payload)
	if err != nil {
		c.t.Fatal(err)
	}
	return kind, n
}

// h3Section encodes fields.
func h3Section(pairs ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(qpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// h3Post is the header of a query by POST, with more fields.
func h3Post(more ...string) []byte {
	return appendH3Frame(nil, h3Headers, h3Section(append([]string{":method", "POST", ":scheme",
		"https", ":authority", "localhost", ":path", "/dns-query", "content-type", mediaType},
		more...)...))
}

// h3Frames joins frames: types, each with its payload.
func h3Frames(b []byte, pairs ...any) []byte {
	for i := 0; i < len(pairs); i += 2 {
		b = appendH3Frame(b, uint64(pairs[i].(int)), []byte(pairs[i+1].(string)))
	}
	return b
}

func stoppable(t *testing.T, h Handler, set func(*GateConfig)) Listener {
	t.Helper()
	source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := Default().Gate
	if set != nil {
		set(&g)
	}
	l, err := Listen(DoH3, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), TLS: NewTLS(source),
		Path: "/dns-query", Gate: NewGate(g), Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.Start(h)
	return l
}

// RFC 9114, section 5.2: a listener that stops tells its clients that no more requests are wanted,
// and later which was the last. That one and all before it are answered; what comes after it is
// rejected, so that the client may ask again elsewhere. Then the connection ends without an error.
func TestRFC9114GoAwayWhileStopping(t *testing.T) {
	h := &echo{held: make(chan func(), 2)}
	l := stoppable(t, h, nil)
	c := dialH3(t, l.Addr(), 0)
	control := c.control()
	first := c.ask(h3Frames(h3Post(), h3Data, string(query("held"))))
	answer := sync.OnceFunc(<-h.held)
	defer answer() // or the listener could not end
	go l.Stop()
	if kind, id := c.frame(control); kind != h3GoAway || id != h3Last {
		t.Fatalf("a frame of type %d, %d", kind, id)
	}
	crossing := c.ask(h3Frames(h3Post(), h3Data, string(query("fast"))))
	kind, id := c.frame(control)
	if kind != h3GoAway || id != 4 && id != 8 {
		t.Fatalf("a frame of type %d, %d", kind, id)
	}
	status, _, err := c.answer(crossing)
	if id == 8 && (status != "200" || err != nil) {
		t.Errorf("a request before the last one: %s, %v", status, err)
	}
	rejected := &quic.StreamError{}
	isRejected := func(err error) bool {
		return errors.As(err, &rejected) &&
			rejected.ErrorCode == quic.StreamErrorCode(http3.ErrCodeRequestRejected)
	}
	if id == 4 && !isRejected(err) {
		t.Errorf("a request after the last one: %s, %v", status, err)
	}
	late := c.ask(h3Frames(h3Post(), h3Data, string(query("fast"))))
	if status, _, err := c.answer(late); !isRejected(err) {
		t.Errorf("a late request: %s, %v", status, err)
	}
	answer()
	if status, body, err := c.answer(first); status != "200" || label(body) != "held" {
		t.Errorf("the request in work: %s, %v", status, err)
	}
	if code := c.end(); code != http3.ErrCodeNoError {
		t.Errorf("the connection ends by %v", code)
	}
}

// quic-go's client understands it: its request in work is answered, then it closes the connection,
// and asks its next question over another one.
func TestRFC9114GoAwayIsUnderstood(t *testing.T) {
	h := &echo{held: make(chan func(), 1)}
	l, next := stoppable(t, h, nil), stoppable(t, h, nil)
	conns := make(chan *quic.Conn, 3)
	at := l.Addr()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http3.Transport{
		TLSClientConfig: insecureTLS.Clone(), Dial: func(ctx context.Context, _ string,
			cfg *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			c, err := quic.DialAddr(ctx, at.String(), cfg, qc)
			conns <- c
			return c, err
		}}}
	defer client.Transport.(io.Closer).Close()
	post := func(label string) error {
		r, err := client.Post("https://localhost/dns-query", mediaType,
			bytes.NewReader(query(label)))
		if err != nil {
			return err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err == nil && !bytes.Contains(b, []byte(label)) {
			err = errors.New(r.Status)
		}
		return err
	}
	got := make(chan error)
	go func() { got <- post("held") }()
	answer := <-h.held
	first := <-conns
	l.Stop()
	at = next.Addr()
	answer()
	if err := <-got; err != nil {
		t.Errorf("the request in work: %v", err)
	}
	<-first.Context().Done()
	var end *quic.ApplicationError
	if errors.As(context.Cause(first.Context()), &end); end == nil ||
		end.ErrorCode != quic.ApplicationErrorCode(http3.ErrCodeNoError) {
		t.Errorf("the connection ends by %v", context.Cause(first.Context()))
	}
	if err := post("fast"); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// A connection that has had its share of queries ends in the same way.
func TestRFC9114GoAwayAfterTheLastQuery(t *testing.T) {
	l := stoppable(t, &echo{}, func(g *GateConfig) { g.Queries = 2 })
	c := dialH3(t, l.Addr(), 0)
	control := c.control()
	for range 2 {
		if status, _, err := c.answer(c.ask(h3Frames(h3Post(), h3Data,
			string(query("fast"))))); status != "200" {
			t.Fatal(status, err)
		}
	}
	if kind, _ := c.frame(control); kind != h3GoAway {
		t.Errorf("a frame of type %d", kind)
	}
	if code := c.end(); code != http3.ErrCodeNoError {
		t.Errorf("the connection ends by %v", code)
	}
}

// A client that keeps its connection alive by packets alone loses it when it asks nothing (RFC
// 9114, section 5.1).
func TestRFC9114IdleConnections(t *testing.T) {
	l := stoppable(t, &echo{}, func(g *GateConfig) { g.Idle = 300 * time.Millisecond })
	c := dialH3(t, l.Addr(), 50*time.Millisecond)
	if status, _, err := c.answer(c.ask(h3Frames(h3Post(), h3Data,
		string(query("fast"))))); status != "200" {
		t.Fatal(status, err)
	}
	if code := c.end(); code != http3.ErrCodeNoError {
		t.Errorf("the connection ends by %v", code)
	}
}

// What a client may not send on its unidirectional streams ends the connection (RFC 9114, sections
// 6.2 and 7.2).
func TestRFC9114ControlStream(t *testing.T) {
	settings := string(quicvarint.Append(quicvarint.Append(nil, h3MaxFieldSection), 1000))
	control := func(pairs ...any) []byte { return h3Frames([]byte{h3Control}, pairs...) }
	for _, c := range []struct {
		name string
		send func(*h3client)
		want http3.ErrCode
	}{
		{"7.2.4: frames before the settings", func(c *h3client) {
			c.announce(control(h3GoAway, "\x00", h3Settings, settings), false)
		}, http3.ErrCodeMissingSettings},
		{"7.2.4: settings again", func(c *h3client) {
			c.announce(control(h3Settings, settings, h3Settings, ""), false)
		}, http3.ErrCodeFrameUnexpected},
		{"7.2.1: a body", func(c *h3client) {
			c.announce(control(h3Settings, "", h3Data, "x"), false)
		}, http3.ErrCodeFrameUnexpected},
		{"7.2.8: a frame of HTTP/2", func(c *h3client) {
			c.announce(control(h3Settings, "", framePing, "12345678"), false)
		}, http3.ErrCodeFrameUnexpected},
		{"7.2.4.1: a setting of HTTP/2", func(c *h3client) {
			c.announce(control(h3Settings, "\x03\x09"), false)
		}, http3.ErrCodeSettingsError},
		{"7.1: a setting that is cut off", func(c *h3client) {
			c.announce(control(h3Settings, "\x06"), false)
		}, http3.ErrCodeFrameError},
		{"6.2.1: the end of the stream", func(c *h3client) {
			c.announce(control(h3Settings, settings), true)
		}, http3.ErrCodeClosedCriticalStream},
		{"7.1: the end within a frame", func(c *h3client) {
			c.announce(append(control(h3Settings, settings), h3MaxPushID, 9, 0), true)
		}, http3.ErrCodeFrameError},
		{"6.2.1: two of them", func(c *h3client) {
			c.announce(control(h3Settings, settings), false)
			c.announce(control(h3Settings, settings), false)
		}, http3.ErrCodeStreamCreationError},
		{"6.2.2: a push", func(c *h3client) { c.announce([]byte{h3Push, 0}, false) },
			http3.ErrCodeStreamCreationError},
		{"more frames than are useful", func(c *h3client) {
			c.announce(append(control(h3Settings, ""),
				bytes.Repeat([]byte{0x21, 0}, maxControlFrames+1)...), false)
		}, http3.ErrCodeExcessiveLoad},
	} {
		at, _, w := listener(t, DoH3, nil)
		client := dialH3(t, at, 0)
		c.send(client)
		if code := client.end(); code != c.want {
			t.Errorf("%s: the connection ends by %v", c.name, code)
		}
		why := cause.HTTPMalformed
		if c.want == http3.ErrCodeExcessiveLoad {
			why = cause.StreamFlood
		}
		w.await(t, why)
	}
	at, _, w := listener(t, DoH3, nil)
	c := dialH3(t, at, 0)
	c.announce(control(h3Settings, settings, 0x21, "reserved", h3MaxPushID, "\x00"), false)
	c.announce([]byte{h3Encoder}, false)
	c.announce([]byte{h3Decoder}, false)
	c.announce([]byte{0x21, 1, 2, 3}, true)
	c.announce(nil, true)
	if status, _, err := c.answer(c.ask(h3Frames(h3Post(), h3Data,
		string(query("fast"))))); status != "200" || len(w.seen()) > 0 {
		t.Error(status, err, w.seen())
	}
}

// Requests consist of a header, a body in any number of pieces, and perhaps trailers; unknown
// frames are ignored (RFC 9114, sections 4.1 and 9). What is malformed ends the stream, and what is
// no HTTP/3 the connection.
func TestRFC9114Requests(t *testing.T) {
	q := string(query("fast"))
	section := func(pairs ...string) []byte {
		return appendH3Frame(nil, h3Headers, h3Section(pairs...))
	}
	for _, c := range []struct {
		name   string
		sent   []byte
		status string
		stream http3.ErrCode
		conn   http3.ErrCode
	}{
		{"a body in pieces", h3Frames(h3Post(), h3Data, q[:5], h3Data, "", h3Data, q[5:]), "200",
			0, 0},
		{"unknown frames", append(h3Frames(nil, 0x21, "x"), h3Frames(h3Post(), 0x21, "y", h3Data,
			q)...), "200", 0, 0},
		{"trailers", h3Frames(h3Post(), h3Data, q, h3Headers, string(h3Section("x", "y"))), "200",
			0, 0},
		{"the length", h3Frames(h3Post("content-length", "30"), h3Data, q), "200", 0, 0},
		{"a large header", h3Post("x", strings.Repeat("y", maxHTTPHeader)), "413", 0, 0},
		{"a large header of small fields", h3Frames(nil, h3Headers,
			"\x00\x00"+strings.Repeat("\xd1", 1000)), "413", 0, 0},
		{"4.1: nothing", nil, "", http3.ErrCodeRequestIncomplete, 0},
		{"4.1.2: another length", h3Frames(h3Post("content-length", "2"), h3Data, q), "",
			http3.ErrCodeMessageError, 0},
		{"4.2: an upper-case name", h3Frames(h3Post("X-Y", "z"), h3Data, q), "",
			http3.ErrCodeMessageError, 0},
		{"4.2: a field of the connection", h3Frames(h3Post("connection", "close"), h3Data, q), "",
			http3.ErrCodeMessageError, 0},
		{"4.3.1: no path", section(":method", "GET", ":scheme", "https"), "",
			http3.ErrCodeMessageError, 0},
		{"4.1: a body first", h3Frames(nil, h3Data, q), "", 0, http3.ErrCodeFrameUnexpected},
		{"4.1: a body after trailers", h3Frames(h3Post(), h3Headers, string(h3Section("x", "y")),
			h3Data, q), "", 0, http3.ErrCodeFrameUnexpected},
		{"7.2.4: settings", h3Frames(h3Post(), h3Settings, ""), "", 0,
			http3.ErrCodeFrameUnexpected},
		{"7.2.5: a push", h3Frames(h3Post(), h3PushPromise, ""), "", 0,
			http3.ErrCodeFrameUnexpected},
		{"7.2.8: a frame of HTTP/2", h3Frames(h3Post(), frameContinuation, ""), "", 0,
			http3.ErrCodeFrameUnexpected},
		{"7.1: a frame that is cut off", h3Frames(h3Post(), h3Data, q+q)[:90], "", 0,
			http3.ErrCodeFrameError},
		{"RFC 9204, 2.2: the dynamic table", h3Frames(nil, h3Headers, "\x02\x00\x80"), "", 0,
			http3.ErrCodeQPACKDecompressionFailed},
	} {
		at, _, _ := listener(t, DoH3, nil)
		client := dialH3(t, at, 0)
		status, _, err := client.answer(client.ask(c.sent))
		if c.conn != 0 {
			if code := client.end(); code != c.conn {
				t.Errorf("%s: the connection ends by %v", c.name, code)
			}
			continue
		}
		var end *quic.StreamError
		if errors.As(err, &end) && http3.ErrCode(end.ErrorCode) == c.stream {
			continue
		}
		if status != c.status || c.stream != 0 {
			t.Errorf("%s: %s, %v", c.name, status, err)
		}
	}
}

// No more than maxHTTP3Request octets of a request are read, whatever frames they are: the client
// is refused while it still sends.
func TestMaxHTTP3Request(t *testing.T) {
	at, _, w := listener(t, DoH3, nil)
	c := dialH3(t, at, 0)
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
	go func() {
		frame := h3Frames(nil, 0x21, strings.Repeat("x", 1000))
		for range 2 * maxHTTP3Request / 1000 { // without an end
			if _, err := s.Write(frame); err != nil {
				return
			}
		}
	}()
	if status, _, err := c.answer(s); status != "413" {
		t.Error(status, err)
	}
	w.await(t, cause.HTTPTooLarge)
	if n := w.seen()[cause.SlowWriter]; n > 0 {
		t.Errorf("%d requests are slow", n)
	}
}

// Any request is either whole or refused, and parsing it again gives the same.
func FuzzHTTP3(f *testing.F) {
	f.Add(h3Frames(h3Post("content-length", "30"), h3Data, string(query("fast"))))
	f.Add(h3Frames(h3Post(), h3Data, "a", 0x21, "b", h3Data, "c", h3Headers, "\x00\x00"))
	f.Add(h3Frames(nil, h3Headers, "\x02\x00\x80"))
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		r, fault := parseH3(in)
		if fault == (h3Fault{}) && (r.path == "" || r.method == "" || len(r.body) > len(in)) {
			t.Errorf("%+v", r)
		}
		if fault.connection && fault.code == 0 || fault.code != 0 && fault.why != cause.None {
			t.Errorf("%+v", fault)
		}
		if !bytes.Equal(before, in) {
			t.Error("what was read has changed")
		}
		again, likewise := parseH3(in)
		if likewise != fault || !bytes.Equal(again.body, r.body) || again.path != r.path {
			t.Errorf("%+v, then %+v", fault, likewise)
		}
	})
}
