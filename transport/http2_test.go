package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"bailiwick/internal/cause"
)

func serveH2(h Handler, c *conn) {
	serveHTTP2(h, &doh{protocol: DoHPlain,
		spec: Spec{Path: "/dns-query", Observer: c.owner.spec.Observer}.ready()}, c, c)
}

// h2client is a client that sends and reads frames.
type h2client struct {
	*h2.Framer
	conn net.Conn
	enc  *hpack.Encoder
	buf  bytes.Buffer
}

func newH2(c net.Conn) *h2client {
	h := &h2client{Framer: h2.NewFramer(c, c), conn: c}
	h.AllowIllegalWrites, h.AllowIllegalReads = true, true
	h.enc = hpack.NewEncoder(&h.buf)
	return h
}

// block encodes header fields.
func (h *h2client) block(fields ...string) []byte {
	h.buf.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = h.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(h.buf.Bytes())
}

var postFields = []string{":method", "POST", ":scheme", "https", ":authority", "localhost", ":path",
	"/dns-query", "content-type", mediaType}

func (h *h2client) post(stream uint32, label string) {
	_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: stream, BlockFragment: h.block(postFields...),
		EndHeaders: true})
	_ = h.WriteData(stream, true, query(label))
}

// hello sends a client's preface and settings.
func (h *h2client) hello() {
	_, _ = io.WriteString(h.conn, http2Preface)
	_ = h.WriteSettings()
}

// until reads frames until one of a kind; it returns nil at the end.
func (h *h2client) until(kind h2.FrameType) h2.Frame {
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return nil
		}
		if f.Header().Type == kind {
			return f
		}
	}
}

// A protocol error ends the connection or the stream with the error code of RFC 9113.
func TestRFC9113Violations(t *testing.T) {
	const none = h2.ErrCode(0xffff)
	for _, c := range []struct {
		name   string
		send   func(*h2client)
		goAway h2.ErrCode
		reset  h2.ErrCode
		want   cause.Cause
	}{
		{"no preface", func(h *h2client) {
			_, _ = io.WriteString(h.conn,
				"GET / HTTP/1.1\r\n\r\n")
		}, h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"no settings", func(h *h2client) {
			_, _ = io.WriteString(h.conn,
				http2Preface)
			_ = h.WritePing(false, [8]byte{})
		}, h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"a frame too large", func(h *h2client) {
			h.hello()
			_ = h.WriteRawFrame(h2.FrameData, 0, 1,
				make([]byte, 16385))
		}, h2.ErrCodeFrameSize, none, cause.HTTPMalformed},
		{"an even stream", func(h *h2client) { h.hello(); h.post(2, "fast") }, h2.ErrCodeProtocol,
			none, cause.HTTPMalformed},
		{"data on an idle stream", func(h *h2client) { h.hello(); _ = h.WriteData(1, true, nil) },
			h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"a push", func(h *h2client) {
			h.hello()
			_ = h.WriteRawFrame(h2.FramePushPromise, 4, 1,
				make([]byte, 4))
		}, h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"a ping of seven octets", func(h *h2client) {
			h.hello()
			_ = h.WriteRawFrame(h2.FramePing,
				0, 0, make([]byte, 7))
		}, h2.ErrCodeFrameSize, none, cause.HTTPMalformed},
		{"a window beyond all", func(h *h2client) {
			h.hello()
			_ = h.WriteWindowUpdate(0,
				1<<31-1)
		}, h2.ErrCodeFlowControl, none, cause.HTTPMalformed},
		{"a window of nothing", func(h *h2client) { h.hello(); _ = h.WriteWindowUpdate(0, 0) },
			h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"an initial window beyond all", func(h *h2client) {
			h.hello()
			_ = h.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 1 << 31})
		}, h2.ErrCodeFlowControl, none, cause.HTTPMalformed},
		{"padding longer than the frame", func(h *h2client) {
			h.hello()
			_ = h.WriteRawFrame(h2.FrameHeaders, flagPadded|flagEndHeaders, 1, []byte{9, 0x82})
		}, h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"a header block that is none", func(h *h2client) {
			h.hello()
			_ = h.WriteRawFrame(h2.FrameHeaders, flagEndHeaders, 1,
				[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		}, h2.ErrCodeCompression, none, cause.HTTPMalformed},
		{"something between a block's parts", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(postFields...)[:5]})
			_ = h.WritePing(false, [8]byte{})
		}, h2.ErrCodeProtocol, none, cause.HTTPMalformed},
		{"no end of a block", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(postFields...)})
			for range 2000 {
				if h.WriteContinuation(1, false, make([]byte, 100)) != nil {
					return
				}
			}
		}, h2.ErrCodeEnhanceYourCalm, none, cause.StreamFlood},
		{"upper case", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(append(postFields, "X-Big", "1")...), EndHeaders: true})
		}, none, h2.ErrCodeProtocol, cause.HTTPMalformed},
		{"a field of HTTP/1.1", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(append(postFields, "connection", "close")...),
				EndHeaders:    true})
		}, none, h2.ErrCodeProtocol, cause.HTTPMalformed},
		{"no path", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(postFields[:6]...), EndHeaders: true, EndStream: true})
		}, none, h2.ErrCodeProtocol, cause.HTTPMalformed},
		{"another length than it says", func(h *h2client) {
			h.hello()
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(append(postFields, "content-length", "7")...),
				EndHeaders:    true})
			_ = h.WriteData(1, true, query("fast"))
		}, none, h2.ErrCodeProtocol, cause.HTTPMalformed},
		{"pings without end", func(h *h2client) {
			h.hello()
			for range 2 * maxControlFrames {
				if h.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		}, h2.ErrCodeEnhanceYourCalm, none, cause.StreamFlood},
		{"rapid reset", func(h *h2client) {
			h.hello()
			for i := range uint32(2 * maxControlFrames) {
				if h.WriteHeaders(h2.HeadersFrameParam{StreamID: 2*i + 1,
					BlockFragment: h.block(postFields...), EndHeaders: true}) != nil ||
					h.WriteRSTStream(2*i+1, h2.ErrCodeCancel) != nil {
					return
				}
			}
		}, h2.ErrCodeEnhanceYourCalm, none, cause.StreamFlood},
	} {
		w := &witness{}
		client, done := pipe(&echo{}, w, NewGate(Default().Gate), serveH2)
		_ = client.SetDeadline(time.Now().Add(20 * time.Second))
		h := newH2(client)
		go c.send(h)
		if c.goAway != none {
			if f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame); !ok || f.ErrCode != c.goAway {
				t.Errorf("%s: %v, want GOAWAY %v", c.name, f, c.goAway)
			}
			<-done
		} else if f, ok := h.until(h2.FrameRSTStream).(*h2.RSTStreamFrame); !ok ||
			f.ErrCode != c.reset {
			t.Errorf("%s: %v, want RST_STREAM %v", c.name, f, c.reset)
		}
		client.Close()
		<-done
		if f := w.seen(); f[c.want] != 1 {
			t.Errorf("%s: faults %v, want %v", c.name, f, c.want)
		}
	}
}

// An answer larger than the client's window waits for it, and arrives whole.
func TestRFC9113FlowControl(t *testing.T) {
	client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), serveH2)
	h := newH2(client)
	room := make(chan uint32, 100)
	go func() {
		_, _ = io.WriteString(client, http2Preface)
		_ = h.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 1000})
		h.post(1, "large")
		h.post(3, "fast")
		for n := range room {
			_ = h.WriteWindowUpdate(1, n)
		}
	}()
	defer close(room)
	got, granted := map[uint32]int{}, 1000
	for ended := 0; ended < 2; {
		f, ok := h.until(h2.FrameData).(*h2.DataFrame)
		if !ok {
			t.Fatal("no data")
		}
		got[f.StreamID] += len(f.Data())
		if got[1] > granted {
			t.Fatalf("%d octets came, and there was room for %d", got[1], granted)
		}
		if f.StreamEnded() {
			ended++
		} else if got[1]%1000 == 0 {
			if got[3] == 0 && got[1] > 3000 {
				t.Error("a small answer waits for the large one")
			}
			granted += 1000
			room <- 1000
		}
	}
	if got[1] != 60000+len(query("large")) || got[3] != len(query("fast")) {
		t.Errorf("got %v", got)
	}
	client.Close()
	<-done
}

// Streams above the limit are refused, so that the client may send them again.
func TestRFC9113TooManyStreams(t *testing.T) {
	e := &echo{held: make(chan func(), 2*maxInFlight)}
	client, done := pipe(e, &witness{}, NewGate(Default().Gate), serveH2)
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	h := newH2(client)
	go func() {
		h.hello()
		for i := range uint32(maxInFlight + 1) {
			h.post(2*i+1, "held")
		}
	}()
	if f, ok := h.until(h2.FrameRSTStream).(*h2.RSTStreamFrame); !ok ||
		f.ErrCode != h2.ErrCodeRefusedStream || f.StreamID != 2*maxInFlight+1 {
		t.Errorf("got %v", f)
	}
	go func() {
		for range maxInFlight {
			(<-e.held)()
		}
	}()
	for range maxInFlight {
		if f, ok := h.until(h2.FrameData).(*h2.DataFrame); !ok || !f.StreamEnded() {
			t.Fatalf("got %v", f)
		}
	}
	client.Close()
	<-done
}

// Bodies in pieces, header blocks in pieces, padding and trailers are all allowed, and understood.
func TestHTTP2Variants(t *testing.T) {
	client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), serveH2)
	h := newH2(client)
	go func() {
		h.hello()
		b := h.block(postFields...)
		_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:3],
			Priority: h2.PriorityParam{Weight: 3}, PadLength: 5})
		_ = h.WriteContinuation(1, false, b[3:9])
		_ = h.WriteContinuation(1, true, b[9:])
		q := query("fast")
		_ = h.WriteDataPadded(1, false, q[:5], make([]byte, 7))
		_ = h.WriteData(1, false, nil)
		_ = h.WriteData(1, false, q[5:])
		_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
			BlockFragment: h.block("x-trailer", "1"), EndHeaders: true, EndStream: true})
		_ = h.WriteRawFrame(99, 1, 77, []byte("unknown"))
		_ = h.WritePriority(5, h2.PriorityParam{StreamDep: 1})
		h.post(7, "serve")
	}()
	for _, stream := range []uint32{1, 7} {
		if f, ok := h.until(h2.FrameData).(*h2.DataFrame); !ok || f.StreamID != stream ||
			!f.StreamEnded() {
			t.Fatalf("stream %d: got %v", stream, f)
		}
	}
	client.Close()
	<-done
}

func FuzzHTTP2(f *testing.F) {
	record := func(send func(*h2client)) {
		a, b := net.Pipe()
		go func() { send(newH2(a)); a.Close() }()
		all, _ := io.ReadAll(b)
		f.Add(all)
	}
	record(func(h *h2client) { h.hello(); h.post(1, "fast"); h.post(3, "serve") })
	record(func(h *h2client) {
		h.hello()
		_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
			BlockFragment: h.block(":method", "GET", ":scheme", "https", ":path",
				"/dns-query?dns=AAABAAABAAAAAAAAAWEAAAEAAQ"), EndHeaders: true, EndStream: true})
		_ = h.WriteWindowUpdate(0, 9)
		_ = h.WriteRSTStream(1, 8)
	})
	f.Add(append([]byte(http2Preface), binary.BigEndian.AppendUint32(nil, 0)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, done := pipe(safe{}, &witness{}, NewGate(Default().Gate), serveH2)
		go func() { _, _ = client.Write(in); client.Close() }()
		_, _ = io.Copy(io.Discard, client)
		<-done
	})
}

func BenchmarkHTTP2(b *testing.B) {
	w := &witness{}
	client, done := pipe(&echo{}, w, gateOf(GateConfig{Queries: 1 << 40}), serveH2)
	h := newH2(client)
	go func() { _, _ = io.Copy(io.Discard, client) }()
	h.hello()
	_ = h.WriteWindowUpdate(0, maxWindow-defaultWindow) // else the answers wait for it
	b.ReportAllocs()
	id := uint32(1)
	for b.Loop() {
		h.post(id, "fast")
		id += 2
	}
	client.Close()
	<-done
}

// A stream in the memory of one that has ended has nothing of it.
func TestHTTP2StreamsAreUsedAgain(t *testing.T) {
	s := &http2{engine: engine{work: &work{}}}
	former := s.newStream(&headerBlock{stream: 1})
	*former = h2stream{id: 1, req: httpRequest{method: "POST", body: []byte("x")}, length: 9,
		open: true, held: 5, window: 7, unsent: []byte("y"), kept: 1, due: time.Now()}
	s.work.ended = former
	h := &headerBlock{stream: 3, req: httpRequest{method: "GET", path: "/"}, length: -1}
	got := s.newStream(h)
	if want := (h2stream{id: 3, req: h.req, length: -1}); !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v", *got)
	}
	if got != former || s.work.ended != nil || s.newStream(h) == got {
		t.Error("its memory is not used again, or twice")
	}
}

// A stream whose answer is still to come, or to be sent, is not used again.
func TestHTTP2StreamsAreUsedAgainWhenDone(t *testing.T) {
	client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), serveH2)
	defer func() { client.Close(); <-done }()
	h := newH2(client)
	got := make(chan map[uint32]int)
	go func() { // octets of answers by stream
		n := map[uint32]int{}
		for {
			f, err := h.ReadFrame()
			if err != nil {
				got <- n
				return
			}
			if d, ok := f.(*h2.DataFrame); ok {
				if n[d.StreamID] += len(d.Data()); d.StreamEnded() && d.StreamID == 7 {
					got <- n
					return
				}
			}
		}
	}()
	_, _ = io.WriteString(client, http2Preface)
	_ = h.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 0})
	h.post(1, "fast") // answered, and not sent
	h.post(3, "serve")
	h.post(5, "fast")
	for _, stream := range []uint32{1, 3, 5} {
		_ = h.WriteWindowUpdate(stream, 1000)
	}
	h.post(7, "fast")
	_ = h.WriteWindowUpdate(7, 1000)
	n := <-got
	for _, stream := range []uint32{1, 5, 7} {
		if n[stream] != len(query("fast")) {
			t.Errorf("stream %d got %d octets, want %d", stream, n[stream], len(query("fast")))
		}
	}
}
