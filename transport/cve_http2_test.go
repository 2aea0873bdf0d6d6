package transport

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"bailiwick/internal/cause"
)

// flood has an HTTP/2 client call send until the connection ends. It returns how many times send
// succeeded, how many queries were put in work, and the code of GOAWAY. The client reads all the
// time.
func flood(t *testing.T, most int, send func(h *h2client, i int) error) (sent, worked int,
	code h2.ErrCode) {
	t.Helper()
	e, w := &echo{held: make(chan func(), most)}, &witness{}
	client, done := pipe(e, w, NewGate(Default().Gate), serveH2)
	h := newH2(client)
	count := make(chan int)
	go func() {
		h.hello()
		i := 0
		for i < most && send(h, i) == nil {
			i++
		}
		count <- i
		if i == most {
			client.Close()
		}
	}()
	code = h2.ErrCode(0xffff)
	if f, ok := h.until(h2.FrameGoAway).(*h2.GoAwayFrame); ok {
		code = f.ErrCode
	}
	_, _ = io.Copy(io.Discard, client)
	sent = <-count
	client.Close()
	for ended := false; !ended; {
		select {
		case answer := <-e.held: // the connection waits for the queries in work
			answer()
			worked++
		case <-done:
			ended = true
		}
	}
	if sent < most && w.seen()[cause.StreamFlood] != 1 {
		t.Errorf("faults %v, want %v", w.seen(), cause.StreamFlood)
	}
	return sent, worked, code
}

// get sends a request without a body.
func (h *h2client) get(stream uint32, label string) error {
	return h.WriteHeaders(h2.HeadersFrameParam{StreamID: stream, EndHeaders: true, EndStream: true,
		BlockFragment: h.block(":method", "GET", ":scheme", "https", ":authority", "localhost",
			":path", "/dns-query?dns="+base64.RawURLEncoding.EncodeToString(query(label)))})
}

// Rapid reset: requests that a client begins and cancels at once never reach a limit on open
// streams. Each reset costs more than a frame.
func TestCVE202344487RapidReset(t *testing.T) {
	n, _, code := flood(t, maxControlFrames, func(h *h2client, i int) error {
		id := uint32(2*i + 1)
		h.open(id)
		return h.WriteRSTStream(id, h2.ErrCodeCancel)
	})
	if most := maxControlFrames/resetCost + 1; n > most || code != h2.ErrCodeEnhanceYourCalm {
		t.Errorf("%d requests were taken back, GOAWAY %v; want at most %d", n, code, most)
	}
}

// A query that is cancelled while it is resolved is still in work. One connection has no more than
// maxInFlight of them, and a refused query costs as much as a reset.
func TestCVE202344487WorkIsBounded(t *testing.T) {
	n, worked, code := flood(t, maxControlFrames, func(h *h2client, i int) error {
		id := uint32(2*i + 1)
		if err := h.get(id, "held"); err != nil {
			return err
		}
		return h.WriteRSTStream(id, h2.ErrCodeCancel)
	})
	if n > 2*maxInFlight || code != h2.ErrCodeEnhanceYourCalm {
		t.Errorf("%d requests were taken back, GOAWAY %v", n, code)
	}
	if worked != maxInFlight {
		t.Errorf("%d queries were in work at once, want %d", worked, maxInFlight)
	}
}

// An endless header block: maxHTTPHeader bounds the part that is kept, long before the number of
// frames does.
func TestCVE202427316HeaderBlockWithoutEnd(t *testing.T) {
	part := make([]byte, 8<<10)
	n, _, code := flood(t, 100, func(h *h2client, i int) error {
		if i == 0 {
			return h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: part})
		}
		return h.WriteContinuation(1, false, part)
	})
	if most := maxHTTPHeader/len(part) + 1; n > most+1 || code != h2.ErrCodeEnhanceYourCalm {
		t.Errorf("%d parts of %d octets were taken, GOAWAY %v", n, len(part), code)
	}
}

// Frames other than requests are bounded, of every type (CVE-2019-9512: pings; 9514: resets; 9515:
// settings; 9518: empty data).
func TestMaxControlFrames(t *testing.T) {
	for name, send := range map[string]func(h *h2client, i int) error{
		"CVE-2019-9512, pings": func(h *h2client, _ int) error {
			return h.WritePing(false, [8]byte{})
		},
		"CVE-2019-9515, settings": func(h *h2client, _ int) error { return h.WriteSettings() },
		"windows": func(h *h2client, _ int) error {
			return h.WriteWindowUpdate(0, 1)
		},
		"priorities": func(h *h2client, _ int) error {
			return h.WritePriority(1, h2.PriorityParam{StreamDep: 3})
		},
		"unknown frames": func(h *h2client, _ int) error {
			return h.WriteRawFrame(0x77, 0, 0, nil)
		},
		"CVE-2019-9518, empty data": func(h *h2client, i int) error {
			if i == 0 {
				h.open(1)
			}
			return h.WriteData(1, false, nil)
		},
	} {
		n, _, code := flood(t, 4*maxControlFrames, send)
		if n > 2*maxControlFrames || code != h2.ErrCodeEnhanceYourCalm {
			t.Errorf("%s: %d frames, GOAWAY %v", name, n, code)
		}
	}
}

// A header of more than maxHTTPHeader octets is answered with 413, and nothing of it is kept: HPACK
// expands a few octets to it (CVE-2016-1544).
func TestMaxHTTPHeader(t *testing.T) {
	w := &witness{}
	client, done := pipe(&echo{}, w, NewGate(Default().Gate), serveH2)
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	h := newH2(client)
	go func() {
		h.hello()
		fields := append([]string(nil), postFields...)
		big := strings.Repeat("x", 1000) // from the second time on it is in the dynamic table
		for range maxHTTPHeader/1000 + 1 {
			fields = append(fields, "big", big)
		}
		_ = h.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: h.block(fields...),
			EndHeaders: true})
		h.post(3, "fast") // the connection goes on
	}()
	got := map[uint32]string{}
	dec := hpack.NewDecoder(4096, nil)
	for len(got) < 2 {
		f, ok := h.until(h2.FrameHeaders).(*h2.HeadersFrame)
		if !ok {
			t.Fatalf("got %v", got)
		}
		fields, err := dec.DecodeFull(f.HeaderBlockFragment())
		if err != nil {
			t.Fatal(err)
		}
		got[f.StreamID] = fields[0].Value
	}
	if got[1] != "413" || got[3] != "200" || w.seen()[cause.HTTPTooLarge] != 1 {
		t.Errorf("statuses %v, faults %v", got, w.seen())
	}
	client.Close()
	<-done
}
