// HTTP/2 (RFC 9113) as DoH needs it: requests of about a kilobyte, answered from memory in the
// reader's goroutine. Header fields are decoded by x/net's hpack. Ours are encoded without the
// dynamic table, so that they need no state.

package transport

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" // RFC 9113, section 3.4

// Frame types (RFC 9113, section 6).
const (
	frameData = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePushPromise
	framePing
	frameGoAway
	frameWindowUpdate
	frameContinuation
)

// Flags of frames.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// Error codes (RFC 9113, section 7).
const (
	h2NoError          = 0x0
	h2ProtocolError    = 0x1
	h2FlowControlError = 0x3
	h2StreamClosed     = 0x5
	h2FrameSizeError   = 0x6
	h2RefusedStream    = 0x7
	h2Cancel           = 0x8
	h2CompressionError = 0x9
	h2EnhanceYourCalm  = 0xb
)

// Settings (RFC 9113, section 6.5.2).
const (
	settingEnablePush     = 2
	settingMaxStreams     = 3
	settingInitialWindow  = 4
	settingMaxFrameSize   = 5
	settingMaxHeaderList  = 6
	frameHeaderLen        = 9
	frameSize             = 16384                  // the largest frame that we accept and send
	streamWindow          = wire.MaxMessageLen + 1 // so that one octet too many arrives
	defaultWindow         = 65535
	maxWindow             = 1<<31 - 1
	windowUpdateThreshold = 32 << 10
)

// http2 is the state of one connection.
type http2 struct {
	engine
	doh     *doh
	handler Handler
	left    int64 // requests that may still come
	altSvc  string

	greeted bool // the preface has come
	settled bool // the first SETTINGS has come
	last    uint32
	dec     *hpack.Decoder
	block   headerBlock
	credit  int                 // how many more frames may come that are not requests
	taken   int                 // octets of DATA since the last WINDOW_UPDATE of the connection
	room    int                 // of the connection, for DATA from the client
	open    int                 // requests that are incomplete
	held    int                 // octets of their fields and bodies
	going   bool                // GOAWAY was sent: new streams are ignored
	since   time.Time           // when the incomplete frame or header block began
	pardons [maxInFlight]uint32 // the latest streams that we closed before the client did
	pardon  int                 // how many there were

	mu sync.Mutex
	// open, or half closed and not answered; guarded by mu, as are all fields below
	streams map[uint32]*h2stream
	working int       // queries being resolved, even if their streams are closed
	stalled int       // octets of answers that wait for the client's window
	window  int64     // of the connection, for DATA to the client
	initial int64     // of streams
	idle    sync.Cond // working is 0
}

// h2stream is one request.
type h2stream struct {
	id     uint32
	req    httpRequest
	length int64           // Content-Length, or -1
	open   bool            // a body is to come
	held   int             // octets of the fields and the body that are kept until then
	window int64           // for DATA to the client
	client context.Context // ends with the stream, and with the connection; nil: nothing is pending
	hangUp context.CancelFunc
	unsent []byte
	kept   int       // octets of unsent
	due    time.Time // when the body, or the client's reading of the answer, is overdue
}

// serveHTTP2 serves a connection until one side ends it.
func serveHTTP2(h Handler, d *doh, c *conn, over net.Conn) {
	s := &http2{doh: d, handler: h, left: c.seat.gate.allowed.Load().queries, altSvc: d.altSvc(),
		credit: maxControlFrames, room: defaultWindow, streams: map[uint32]*h2stream{},
		window: defaultWindow, initial: defaultWindow}
	s.idle.L = &s.mu
	s.dec = hpack.NewDecoder(4096, s.field)
	s.dec.SetMaxStringLength(maxHTTPHeader)
	s.consume, s.overdue, s.goodbye = s.frames, s.expire, s.depart
	s.partial = func() int { return s.held + len(s.block.fragments) }
	s.out.cut = responseEnd
	s.finished = func() bool { return false } // the connection is read after GOAWAY
	s.run(c, over)
	s.mu.Lock()
	for s.working > 0 { // queries in work are answered if the client is still there
		s.idle.Wait()
	}
	s.mu.Unlock()
	_ = over.Close()
}

// responseEnd returns the end of the first response in a sequence of frames. Each response has a
// TLS record of its own: some clients expect one answer per record (dnsperf 2.10 loses all but the
// last).
func responseEnd(b []byte) int {
	for at := 0; at+frameHeaderLen <= len(b); {
		end := at + frameHeaderLen + int(b[at])<<16 + int(b[at+1])<<8 + int(b[at+2])
		if (b[at+3] == frameData || b[at+3] == frameHeaders) && b[at+4]&flagEndStream != 0 {
			return min(end, len(b))
		}
		at = end
	}
	return len(b)
}

// violation ends the connection with GOAWAY (RFC 9113, section 5.4.1).
func (s *http2) violation(code uint32) cause.Cause {
	s.goAway(code)
	if code == h2EnhanceYourCalm {
		return cause.StreamFlood
	}
	return cause.HTTPMalformed
}

// depart sends GOAWAY (RFC 9113, section 6.8) and lets the connection be read. Requests under way
// are answered. Streams after the last one are ignored, so that the client asks again over another
// connection.
func (s *http2) depart() {
	if s.going {
		return
	}
	s.going = true
	if !s.greeted {
		s.greet() // a server's SETTINGS come first
	}
	s.goAway(h2NoError)
	s.readOn()
}

func (s *http2) goAway(code uint32) {
	b := appendFrameHeader(s.work.out, 8, frameGoAway, 0, 0)
	b = binary.BigEndian.AppendUint32(b, s.last)
	s.work.out = binary.BigEndian.AppendUint32(b, code)
}

func appendFrameHeader(b []byte, length int, kind, flags byte, stream uint32) []byte {
	return append(b, byte(length>>16), byte(length>>8), byte(length), kind, flags, byte(stream>>24),
		byte(stream>>16), byte(stream>>8), byte(stream))
}

// frames handles the complete frames at the front of b.
func (s *http2) frames(b []byte) (rest []byte, need int, why cause.Cause) {
	if !s.greeted {
		n := min(len(b), len(http2Preface))
		if string(b[:n]) != http2Preface[:n] {
			return b, 0, s.violation(h2ProtocolError)
		}
		if n < len(http2Preface) {
			s.unfinished(b)
			return b, 0, cause.None
		}
		s.greeted = true
		s.greet()
		b = b[n:]
	}
	for len(b) >= frameHeaderLen {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if n > frameSize {
			return b, 0, s.violation(h2FrameSizeError)
		}
		if len(b) < frameHeaderLen+n {
			need = frameHeaderLen + n
			break
		}
		if why := s.frame(b[3], b[4], binary.BigEndian.Uint32(b[5:])&(1<<31-1),
			b[frameHeaderLen:frameHeaderLen+n]); why != cause.None {
			return b, 0, why
		}
		if s.credit < 0 {
			return b, 0, s.violation(h2EnhanceYourCalm)
		}
		b = b[frameHeaderLen+n:]
		if s.block.stream == 0 {
			s.since = time.Time{}
		}
		s.flushFull()
		if s.left <= 0 {
			s.depart()
		}
	}
	s.unfinished(b)
	return b, need, cause.None
}

// unfinished records when incomplete data is overdue: a frame, a header block, a body, or an answer
// that waits for the client's window. Each has its own time, which nothing else extends.
func (s *http2) unfinished(b []byte) {
	s.waiting, s.due = time.Time{}, time.Time{}
	if len(b) > 0 || s.block.stream != 0 {
		if s.since.IsZero() {
			s.since = time.Now()
		}
		s.waiting, s.due = s.since, s.since.Add(messageTime)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == 0 && s.stalled == 0 {
		return
	}
	for _, st := range s.streams {
		if !st.due.IsZero() && (s.due.IsZero() || st.due.Before(s.due)) {
			s.due = st.due
		}
		if st.open && s.waiting.IsZero() {
			s.waiting = st.due
		}
	}
}

// expire ends what is overdue: single streams, or for a frame the connection.
func (s *http2) expire(now time.Time) cause.Cause {
	if !s.since.IsZero() && !now.Before(s.since.Add(messageTime)) {
		return cause.SlowWriter
	}
	var late []*h2stream
	s.mu.Lock()
	for _, st := range s.streams {
		if !st.due.IsZero() && !now.Before(st.due) {
			late = append(late, st)
		}
	}
	s.mu.Unlock()
	if len(late) > 0 && s.work == nil {
		s.work = works.Get().(*work)
	}
	for _, st := range late {
		why := cause.SlowReader
		if st.open {
			why = cause.SlowWriter
		}
		s.doh.spec.Observer.Fault(s.doh.protocol, why)
		s.credit -= resetCost
		s.closeStream(st, h2Cancel)
	}
	var rest []byte
	if s.work != nil {
		rest = s.work.in
	}
	s.unfinished(rest)
	if s.work != nil {
		s.flush()
		s.count()
		if len(s.work.in) == 0 {
			s.rest()
		}
	}
	if s.credit < 0 {
		return cause.StreamFlood
	}
	return cause.None
}

// greet sends our settings.
func (s *http2) greet() {
	b := appendFrameHeader(s.work.out, 18, frameSettings, 0, 0)
	for _, v := range [][2]uint32{{settingMaxStreams, uint32(s.seat.gate.inFlight)},
		{settingInitialWindow, streamWindow}, {settingMaxHeaderList, maxHTTPHeader}} {
		b = binary.BigEndian.AppendUint16(b, uint16(v[0]))
		b = binary.BigEndian.AppendUint32(b, v[1])
	}
	s.work.out = b
	// SETTINGS is the first frame, before any answer of another goroutine (RFC 9113, section 3.4)
	s.flush()
}

// frame handles one frame.
func (s *http2) frame(kind, flags byte, stream uint32, p []byte) cause.Cause {
	if !s.settled && kind != frameSettings ||
		s.block.stream != 0 && (kind != frameContinuation || stream != s.block.stream) {
		return s.violation(h2ProtocolError) // RFC 9113, sections 3.4 and 6.10
	}
	if kind != frameHeaders && kind != frameData {
		s.credit--
	}
	switch kind {
	case frameHeaders:
		return s.headers(flags, stream, p)
	case frameContinuation:
		return s.continuation(flags, p)
	case frameData:
		return s.data(flags, stream, p)
	case frameSettings:
		return s.settings(flags, stream, p)
	case frameWindowUpdate:
		return s.windowUpdate(stream, p)
	case frameReset:
		return s.reset(stream, p)
	case framePing:
		if len(p) != 8 {
			return s.violation(h2FrameSizeError)
		}
		if stream != 0 {
			return s.violation(h2ProtocolError)
		}
		if flags&flagAck == 0 {
			s.work.out = append(appendFrameHeader(s.work.out, 8, framePing, flagAck, 0), p...)
		}
	case framePriority: // RFC 9113, section 5.3.2: parsed and ignored
		if stream == 0 {
			return s.violation(h2ProtocolError)
		}
		if len(p) != 5 {
			return s.violation(h2FrameSizeError)
		}
		if dependsOnItself(stream, p) {
			return s.violation(h2ProtocolError)
		}
	case framePushPromise:
		return s.violation(h2ProtocolError) // RFC 9113, section 8.4: a client cannot push
	case frameGoAway:
		if stream != 0 {
			return s.violation(h2ProtocolError)
		}
	}
	return cause.None // unknown frames are ignored (RFC 9113, section 4.1)
}

// dependsOnItself reports whether a stream's priority names the stream itself (RFC 7540, section
// 5.3.1).
func dependsOnItself(stream uint32, priority []byte) bool {
	return binary.BigEndian.Uint32(priority)&maxWindow == stream
}

// unpad removes the padding (RFC 9113, section 6.1).
func unpad(flags byte, p []byte) ([]byte, bool) {
	if flags&flagPadded == 0 {
		return p, true
	}
	if len(p) == 0 || int(p[0]) >= len(p) {
		return nil, false
	}
	return p[1 : len(p)-int(p[0])], true
}

// data handles a piece of a body.
func (s *http2) data(flags byte, stream uint32, p []byte) cause.Cause {
	if s.room -= len(p); s.room < 0 {
		return s.violation(h2FlowControlError)
	}
	if s.taken += len(p); s.taken >= windowUpdateThreshold {
		s.work.out = binary.BigEndian.AppendUint32(appendFrameHeader(s.work.out, 4,
			frameWindowUpdate, 0, 0), uint32(s.taken))
		s.room, s.taken = s.room+s.taken, 0
	}
	if s.going && stream > s.last {
		s.credit--
		return cause.None
	}
	if stream == 0 || stream > s.last {
		return s.violation(h2ProtocolError)
	}
	body, ok := unpad(flags, p)
	if !ok {
		return s.violation(h2ProtocolError)
	}
	if len(body) < smallData && flags&flagEndStream == 0 {
		s.credit--
	}
	s.mu.Lock()
	st := s.streams[stream]
	s.mu.Unlock()
	switch {
	case st == nil && s.pardoned(stream):
		// The client sent it before it received our RST_STREAM (RFC 9113, section 5.1).
		s.credit--
		return cause.None
	case st == nil:
		return s.violation(h2StreamClosed)
	case !st.open:
		return s.violation(h2StreamClosed)
	case len(st.req.body)+len(body) > wire.MaxMessageLen || s.held+len(body) > maxUnsent:
		s.tooLarge(st)
		return cause.None
	}
	if flags&flagEndStream != 0 && len(st.req.body) == 0 {
		st.req.body = body // the usual case: the frame's memory is enough
		return s.complete(st)
	}
	st.req.body = append(st.req.body, body...)
	s.held, st.held = s.held+len(body), st.held+len(body)
	if flags&flagEndStream == 0 {
		return cause.None
	}
	return s.complete(st)
}

// forgive records that we closed a stream before the client ended it. Frames that the client has
// sent until then are not errors.
func (s *http2) forgive(stream uint32) {
	s.pardons[s.pardon%len(s.pardons)] = stream
	s.pardon++
}

func (s *http2) pardoned(stream uint32) bool { return slices.Contains(s.pardons[:], stream) }

// tooLarge refuses a request before all of it has arrived (RFC 9113, section 8.1: the rest is not
// needed).
func (s *http2) tooLarge(st *h2stream) {
	s.refuse(st, cause.HTTPTooLarge)
	s.resetStream(st, h2NoError)
}

// closeBody ends the reception of a body.
func (s *http2) closeBody(st *h2stream) {
	if st.open {
		st.open, st.due = false, time.Time{}
		s.open--
		s.held -= st.held
	}
}

// complete answers a complete request.
func (s *http2) complete(st *h2stream) cause.Cause {
	s.closeBody(st)
	if s.left--; s.left == 0 {
		limit.ConnectionQueries.Met()
	}
	s.credit = min(s.credit+creditPerRequest, maxControlFrames)
	if st.length >= 0 && st.length != int64(len(st.req.body)) { // RFC 9113, section 8.1.1
		s.resetStream(st, h2ProtocolError)
		return cause.None
	}
	w := s.work
	packet, why := s.doh.query(&st.req, w.query[:0])
	if why != cause.None {
		s.refuse(st, why)
		return cause.None
	}
	from, why := s.doh.client(s.from, &st.req)
	if why != cause.None {
		s.refuse(st, why)
		return cause.None
	}
	st.req = httpRequest{} // its body may be in the reader's buffer
	reply, result := handle(s.handler, packet, from, w.reply[:0], func() (waiting, bool) {
		return s.wait(st, len(packet))
	})
	switch result {
	case pending:
		return cause.None
	case dropped:
		return cause.ClientRefused
	case turnedAway: // RFC 9113, section 8.7: it may be sent again
		s.closeStream(st, h2RefusedStream)
		return cause.None
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.out = s.answer(w.out, st, reply)
	if st.client == nil && s.streams[st.id] != st { // nobody else has it
		w.ended = st
	}
	return cause.None
}

// newStream returns a stream for the request of the header block.
func (s *http2) newStream(h *headerBlock) *h2stream {
	st := s.work.ended
	if s.work.ended = nil; st == nil {
		st = new(h2stream)
	}
	*st = h2stream{id: h.stream, req: h.req, length: h.length}
	return st
}

// wait takes a place for a query of that many octets. It returns false if the client has its share
// in work.
func (s *http2) wait(st *h2stream, octets int) (waiting, bool) {
	if !s.seat.tryWork() {
		return waiting{}, false
	}
	s.mu.Lock()
	s.working++
	s.mu.Unlock()
	st.client, st.hangUp = context.WithCancel(s.client)
	held := s.seat.keep(octets)
	return waiting{
		st.client,
		func(reply []byte) { s.served(st, reply) },
		func() {
			st.hangUp()
			s.seat.hold(-held)
			s.done()
		},
	}, true
}

// reset handles a client's RST_STREAM (RFC 9113, section 6.4). The reset of a query in work costs
// credit: CVE-2023-44487.
func (s *http2) reset(stream uint32, p []byte) cause.Cause {
	switch {
	case len(p) != 4:
		return s.violation(h2FrameSizeError)
	case stream == 0:
		return s.violation(h2ProtocolError)
	case stream > s.last:
		return s.unknown()
	}
	s.mu.Lock()
	st := s.streams[stream]
	s.drop(st)
	s.mu.Unlock()
	if st != nil {
		s.credit -= resetCost
		s.closeBody(st)
		st.end()
	}
	return cause.None
}

// unknown handles a frame of a stream that has not begun. After GOAWAY it is ignored.
func (s *http2) unknown() cause.Cause {
	if s.going {
		return cause.None
	}
	return s.violation(h2ProtocolError)
}

// end ends the resolution of a stream's query.
func (st *h2stream) end() {
	if st.hangUp != nil {
		st.hangUp()
	}
}

// drop removes a stream. The caller holds mu.
func (s *http2) drop(st *h2stream) {
	if st != nil && s.streams[st.id] == st {
		s.charge(st, 0)
		st.unsent, st.due = nil, time.Time{}
		delete(s.streams, st.id)
	}
}

// resetStream ends a stream (RFC 9113, section 5.4.2).
func (s *http2) resetStream(st *h2stream, code uint32) {
	if code != h2NoError {
		s.credit -= resetCost
		s.doh.spec.Observer.Fault(s.doh.protocol, cause.HTTPMalformed)
	}
	s.closeStream(st, code)
}

// closeStream ends a stream with RST_STREAM.
func (s *http2) closeStream(st *h2stream, code uint32) {
	if st.open {
		s.forgive(st.id)
	}
	s.closeBody(st)
	s.mu.Lock()
	s.drop(st)
	s.mu.Unlock()
	st.end()
	s.resetID(st.id, code)
}

func (s *http2) resetID(id, code uint32) {
	s.work.out = binary.BigEndian.AppendUint32(appendFrameHeader(s.work.out, 4, frameReset, 0, id),
		code)
}
