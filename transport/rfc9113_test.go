package transport

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	h2 "golang.org/x/net/http2"

	"bailiwick/internal/cause"
)

// open begins a request whose body follows.
func (h *h2client) open(stream uint32) {
	_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: stream, BlockFragment: h.block(postFields...),
		EndHeaders: true})
}

// RFC 9113, sections 5.1, 6.1 and 6.9: a frame on a stream that the client has closed is an error
// of type STREAM_CLOSED. The names are those of h2spec's cases.
func TestRFC9113ClosedStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(*h2client)
	}{
		{"5.1/5: DATA after END_STREAM, before the answer", func(h *h2client) {
			h.post(1, "held")
			_ = h.WriteData(1, true, []byte("more"))
		}},
		{"5.1/6: HEADERS after END_STREAM, before the answer", func(h *h2client) {
			h.post(1, "held")
			h.open(1)
		}},
		{"5.1/8: DATA after RST_STREAM", func(h *h2client) {
			h.open(1)
			_ = h.WriteRSTStream(1, h2.ErrCodeCancel)
			_ = h.WriteData(1, true, []byte("more"))
		}},
		{"5.1/9: HEADERS after RST_STREAM", func(h *h2client) {
			h.open(1)
			_ = h.WriteRSTStream(1, h2.ErrCodeCancel)
			h.open(1)
		}},
		{"5.1/11 and 6.1/2: DATA after the answer", func(h *h2client) {
			h.post(1, "fast")
			_ = h.WriteData(1, true, []byte("more"))
		}},
		{"5.1/12: HEADERS after the answer", func(h *h2client) {
			h.post(1, "fast")
			h.open(1)
		}},
	} {
		e := &echo{held: make(chan func(), 1)}
		client, done := pipe(e, &witness{}, NewGate(Default().Gate), serveH2)
		h := newH2(client)
		go func() { h.hello(); c.send(h) }()
		f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame)
		if !ok || f.ErrCode != h2.ErrCodeStreamClosed {
			t.Errorf("%s: %v, want GOAWAY STREAM_CLOSED", c.name, f)
		}
		client.Close()
		if len(e.held) > 0 {
			(<-e.held)()
		}
		<-done
	}
}

// RFC 7540, section 5.3.1, as h2spec checks it: a stream cannot depend on itself.
func TestRFC7540SelfDependency(t *testing.T) {
	for name, send := range map[string]func(*h2client){
		"PRIORITY": func(h *h2client) { _ = h.WritePriority(3, h2.PriorityParam{StreamDep: 3}) },
		"HEADERS": func(h *h2client) {
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1,
				BlockFragment: h.block(postFields...),
				EndHeaders:    true, Priority: h2.PriorityParam{StreamDep: 1, Weight: 1}})
		},
	} {
		client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), serveH2)
		h := newH2(client)
		go func() { h.hello(); send(h) }()
		if f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame); !ok ||
			f.ErrCode != h2.ErrCodeProtocol {
			t.Errorf("%s: %v, want GOAWAY PROTOCOL_ERROR", name, f)
		}
		client.Close()
		<-done
	}
}

// RFC 9113, section 5.1: frames that a client sent before it received our RST_STREAM are not
// errors. Here a request is too large, by its Content-Length or by its body. The rest of its body
// and its trailers arrive, and the next request is answered.
func TestRFC9113FramesUnderWayAreNoFault(t *testing.T) {
	for name, send := range map[string]func(*h2client){
		"by its Content-Length": func(h *h2client) {
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, EndHeaders: true,
				BlockFragment: h.block(append(postFields, "content-length", "70000")...)})
		},
		"by its body": func(h *h2client) {
			h.open(1)
			for range 4 {
				_ = h.WriteData(1, false, make([]byte, 16384))
			}
		},
	} {
		client, done := pipe(&echo{}, &witness{}, NewGate(Default().Gate), serveH2)
		h := newH2(client)
		go func() {
			h.hello()
			send(h)
			_ = h.WriteData(1, false, make([]byte, 1000))
			_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true,
				BlockFragment: h.block("x-trailer", "1")})
			h.post(3, "fast")
		}()
		for {
			f, err := h.ReadFrame()
			if err != nil {
				t.Fatalf("%s: no answer to the next request: %v", name, err)
			}
			if d, ok := f.(*h2.DataFrame); ok && d.StreamID == 3 && d.StreamEnded() {
				break
			}
		}
		client.Close()
		<-done
	}
}

// CVE-2019-9511 and similar attacks: a client opens the window for an answer octet by octet. The
// waiting part is not copied each time, all of it counts as held until the last octet has been
// sent, and the work costs credit.
func TestRFC9113DribbledRoomIsCheap(t *testing.T) {
	g := NewGate(Default().Gate)
	s := &http2{streams: map[uint32]*h2stream{}, initial: 0, window: 1 << 20,
		credit: maxControlFrames}
	seat := g.enter(DoH, nil)
	seat.belongs(insecureClient.Addr.Addr())
	s.engine.conn = &conn{seat: seat}
	s.work = &work{}
	st := &h2stream{id: 1}
	s.streams[1], s.last = st, 1
	reply := make([]byte, 60000)
	s.work.out = s.body(nil, st, reply)
	last := &st.unsent[len(st.unsent)-1]
	for range 500 {
		s.windowUpdate(1, []byte{0, 0, 0, 1})
	}
	if len(st.unsent) != 60000-500 || &st.unsent[len(st.unsent)-1] != last {
		t.Errorf("%d octets wait, want 59500 of the first copy", len(st.unsent))
	}
	if s.stalled != 60000 || g.Held() != 60000 {
		t.Errorf("%d octets counted, %d in all, while all of them are kept", s.stalled, g.Held())
	}
	settings := bytes.Repeat([]byte{0, settingInitialWindow, 0, 0, 0, 0}, 100)
	before := s.credit
	s.settings(0, 0, settings)
	if cost := before - s.credit; cost < 100 {
		t.Errorf("a hundred settings for all streams cost %d", cost)
	}
	s.streams[1].window = 1 << 20
	s.windowUpdate(1, []byte{0, 0, 0, 1})
	if s.stalled != 0 || g.Held() != 0 || len(s.streams) != 0 {
		t.Errorf("%d octets are counted after the answer", g.Held())
	}
}

// A body in pieces of an octet costs credit: handling the frames costs more than their content.
func TestRFC9113TinyDataIsAFlood(t *testing.T) {
	w := &witness{}
	client, done := pipe(&echo{}, w, NewGate(Default().Gate), serveH2)
	h := newH2(client)
	go func() {
		h.hello()
		h.open(1)
		for range 2 * maxControlFrames {
			if h.WriteData(1, false, []byte{0}) != nil {
				return
			}
		}
	}()
	if f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame); !ok ||
		f.ErrCode != h2.ErrCodeEnhanceYourCalm {
		t.Errorf("got %v, want GOAWAY ENHANCE_YOUR_CALM", f)
	}
	client.Close()
	<-done
}

// The time of a body begins with its HEADERS, and that of an answer when it first waits. Other
// requests, and a window opened by the octet, do not extend it. Only the overdue stream ends.
func TestRFC9113StreamsHaveDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		client, done := pipe(&echo{}, w, NewGate(Default().Gate), serveH2)
		h := newH2(client)
		began := time.Now()
		var mu sync.Mutex
		reset := map[uint32]time.Duration{} // guarded by mu
		answered := 0                       // guarded by mu
		endedAfter := func(stream uint32) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return reset[stream]
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				f, err := h.ReadFrame()
				if err != nil {
					return
				}
				mu.Lock()
				switch f := f.(type) {
				case *h2.RSTStreamFrame:
					reset[f.StreamID] = time.Since(began)
					if f.ErrCode != h2.ErrCodeCancel {
						t.Errorf("stream %d: %v", f.StreamID, f.ErrCode)
					}
				case *h2.DataFrame:
					if f.StreamEnded() {
						answered++
					}
				}
				mu.Unlock()
			}
		}()
		_, _ = io.WriteString(client, http2Preface)
		_ = h.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 1000})
		h.open(1)          // its body comes octet by octet
		h.post(3, "large") // its answer is read octet by octet
		for i := range 15 {
			time.Sleep(time.Second)
			if endedAfter(1) == 0 {
				_ = h.WriteData(1, false, []byte{1})
			}
			if endedAfter(3) == 0 {
				_ = h.WriteWindowUpdate(3, 1)
			}
			h.post(uint32(5+2*i), "fast")
		}
		synctest.Wait()
		mu.Lock()
		if reset[1] < messageTime || reset[1] > messageTime+time.Second {
			t.Errorf("the body was given up after %v, want %v", reset[1], messageTime)
		}
		if reset[3] < streamTime || reset[3] > streamTime+time.Second {
			t.Errorf("the answer was given up after %v, want %v", reset[3], streamTime)
		}
		if answered != 15 {
			t.Errorf("%d of 15 other requests are answered", answered)
		}
		if f := w.seen(); f[cause.SlowWriter] != 1 || f[cause.SlowReader] != 1 {
			t.Errorf("faults %v", f)
		}
		mu.Unlock() // the reader may be handling a frame
		client.Close()
		<-ended
		<-done
	})
}

// RFC 9113, section 6.8: an idle connection ends with GOAWAY and the last stream, and is read for
// another second, so that a request that crosses GOAWAY does not meet a closed socket.
func TestRFC9113IdleConnectionsEndWithGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(Default().Gate)
		client, done := pipe(&echo{}, &witness{}, g, serveH2)
		h := newH2(client)
		sent := make(chan struct{})
		go func() { h.hello(); h.post(1, "fast"); close(sent) }()
		began := time.Now()
		f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame)
		if !ok || f.ErrCode != h2.ErrCodeNo || f.LastStreamID != 1 || time.Since(began) != maxIdle {
			t.Errorf("after %v: %v, want GOAWAY NO_ERROR, last stream 1", time.Since(began), f)
		}
		<-sent
		time.Sleep(lingerTime / 2)
		h.post(3, "fast") // crosses it; the client asks again elsewhere
		if f, err := h.ReadFrame(); err == nil {
			t.Errorf("%v after GOAWAY", f)
		}
		if took := time.Since(began); took != maxIdle+lingerTime {
			t.Errorf("closed after %v", took)
		}
		client.Close()
		<-done
	})
}

// Requests that are under way when GOAWAY is sent are answered.
func TestRFC9113DisplacedConnectionsEndWithGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gateOf(GateConfig{Max: 1})
		e := &echo{held: make(chan func(), 1)}
		w := &witness{}
		client, done := pipe(e, w, g, serveH2)
		h := newH2(client)
		go func() {
			h.hello()
			h.post(1, "held")
			answer := <-e.held
			synctest.Wait()
			if !g.enter(TCP, nil).belongs(netip.MustParseAddr("192.0.2.1")) {
				t.Error("nobody is displaced")
			}
			synctest.Wait()
			answer()
		}()
		f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame)
		if !ok || f.ErrCode != h2.ErrCodeNo || f.LastStreamID != 1 {
			t.Errorf("%v, want GOAWAY NO_ERROR, last stream 1", f)
		}
		if d, ok := h.until(h2.FrameData).(*h2.DataFrame); !ok || !d.StreamEnded() {
			t.Errorf("the answer: %v", d)
		}
		if h.until(h2.FrameData) != nil {
			t.Error("it stays open")
		}
		if w.seen()[cause.ConnectionDisplaced] != 1 {
			t.Errorf("faults %v", w.seen())
		}
		client.Close()
		<-done
		time.Sleep(lingerTime)
		synctest.Wait()
		if g.lingers != 0 {
			t.Errorf("%d linger", g.lingers)
		}
	})
}

// The end of a listener is announced too. No POST of net/http's clients fails because of it, or
// because of the end of the idle time, whenever it is sent. Where that ends before the client has a
// connection to send by, as the machine is busy, it tries again.
func TestRFC9113NoRequestIsLostAtTheEnd(t *testing.T) {
	const idle = 100 * time.Millisecond / httpIdleFactor
	at, _, _ := listener(t, DoH, func(s *Spec) { s.Gate = gateOf(GateConfig{Idle: idle}) })
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			client := httpClients(t)["h2"]
			for range 3 {
				var r *http.Response
				for r == nil {
					var sent atomic.Bool
					q, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(),
						&httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}), "POST",
						"https://"+at.String()+"/dns-query", bytes.NewReader(query("fast")))
					if err != nil {
						t.Error(err)
						return
					}
					q.Header.Set("Content-Type", mediaType)
					if r, err = client.Do(q); err != nil && sent.Load() {
						t.Error(err)
						return
					}
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				// Between requests it waits for about as long as the connection may be idle.
				time.Sleep(httpIdleFactor*idle - 2*time.Millisecond +
					time.Duration(i)*100*time.Microsecond)
			}
		})
	}
	all.Wait()
}

// HTTP/2 clients get GOAWAY at the end of the listener. Other connections are closed at once when
// no request is under way.
func TestRFC9113ListenersEndWithGoAway(t *testing.T) {
	l, err := Listen(DoHPlain, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"),
		Path: "/dns-query",
		Gate: NewGate(Default().Gate), Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{held: make(chan func(), 1)}
	l.Start(e)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := newH2(c)
	h.hello()
	h.post(1, "held")
	answer := <-e.held
	closed := make(chan struct{})
	go func() { l.Close(); close(closed) }()
	if f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame); !ok || f.LastStreamID != 1 {
		t.Errorf("%v, want GOAWAY, last stream 1", f)
	}
	answer()
	if d, ok := h.until(h2.FrameData).(*h2.DataFrame); !ok || !d.StreamEnded() {
		t.Errorf("the answer: %v", d)
	}
	<-closed
	if _, err := http.Get("http://" + l.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}
