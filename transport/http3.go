// HTTP/3 (RFC 9114) as DoH needs it: connections, their control streams, and how they end. Requests
// are of some hundred octets, and each is read whole before it is answered.

package transport

import (
	"bufio"
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/limit"
)

// Types of unidirectional streams (RFC 9114, section 6.2; RFC 9204, section 4.2).
const (
	h3Control = iota
	h3Push
	h3Encoder
	h3Decoder
	h3StreamTypes
)

// h3Last is the largest ID of a request's stream: none is refused yet (RFC 9114, section 5.2).
const h3Last = 1<<62 - 4

// overHTTP3 implements DNS over HTTPS by HTTP/3.
type overHTTP3 struct{ keptOpen }

func (overHTTP3) open(s Spec) (Listener, error) {
	d := &doh{protocol: DoH3, spec: s}
	// 0-RTT stays off: requests that may be replayed would have to be distinguished from others
	// (RFC 8470), for little gain.
	qc := &quic.Config{MaxIncomingUniStreams: 8} // control, QPACK, and some reserved ones
	cfg := http3.ConfigureTLSConfig(s.TLS.config(DoH3.ALPN()))
	return listenQUIC(DoH3, s, cfg, qc, quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad),
		func(h Handler, c *quicConn) {
			if c.shaken() {
				(&h3conn{quicConn: c, doh: d, handler: h}).serve()
			}
		})
}

func (overHTTP3) upstream(k upstreamKey, by *identities, o *background) upstream {
	return newHTTPUpstream(k, by, http3Client(k.server, by, o))
}

// h3conn is the state of one connection.
type h3conn struct {
	*quicConn
	doh     *doh
	handler Handler
	control *quic.SendStream
	typed   [h3StreamTypes]atomic.Bool // types of unidirectional streams that have come
	credit  atomic.Int64               // how much more may come that is not a request
	next    quic.StreamID              // of the request after the last that was accepted
	open    sync.WaitGroup             // requests

	mu     sync.Mutex
	idle   *time.Timer // ends the connection when it has been idle
	active int         // requests; guarded by mu
}

// serve serves the connection until one side ends it.
func (s *h3conn) serve() {
	if !s.greet() {
		_ = s.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeStreamCreationError), "")
		return
	}
	s.credit.Store(maxControlFrames)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			u, err := s.AcceptUniStream(s.Context())
			if err != nil {
				return
			}
			wg.Go(func() {
				s.owner.spec.Guard.Run(guard.Connection, func() { s.announced(u) })
			})
		}
	})
	reading, rest := context.WithCancel(s.reading)
	defer rest()
	s.idle = time.AfterFunc(s.patience(), rest)
	defer s.idle.Stop()
	s.accept(reading)
	s.depart()
}

// greet opens the control stream with our settings. The limit of a header is the only one that
// differs from its default.
func (s *h3conn) greet() (ok bool) {
	var err error
	if s.control, err = s.OpenUniStream(); err != nil {
		return false
	}
	settings := quicvarint.Append(nil, h3MaxFieldSection)
	settings = quicvarint.Append(settings, maxHTTPHeader)
	return s.tell(appendH3Frame([]byte{h3Control}, h3Settings, settings))
}

// tell sends octets on the control stream.
func (s *h3conn) tell(b []byte) (ok bool) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime)) // the client's window may be closed
	_, err := s.control.Write(b)
	return err == nil
}

// patience is how long the connection may be without requests. Packets that only keep a connection
// of QUIC alive do not count.
func (s *h3conn) patience() time.Duration { return s.owner.spec.Gate.idleOf(DoH3) }

// accept accepts requests until their time is over, or the connection has had its share.
func (s *h3conn) accept(reading context.Context) {
	for left := s.seat.gate.allowed.Load().queries; left > 0; left-- {
		q, err := s.AcceptStream(reading)
		if err != nil {
			return
		}
		s.begin(q)
	}
	limit.ConnectionQueries.Met()
}

// begin has a request answered.
func (s *h3conn) begin(q *quic.Stream) {
	s.next = q.StreamID() + 4
	s.seat.touch(time.Now())
	if !s.enter(q, quic.StreamErrorCode(http3.ErrCodeRequestRejected)) {
		return
	}
	if s.credit.Load() <= maxControlFrames-creditPerRequest {
		s.credit.Add(creditPerRequest)
	}
	s.count(1)
	s.open.Go(func() {
		defer s.count(-1)
		defer s.leave()
		defer func() {
			if s.owner.spec.Guard.Caught(recover(), guard.Connection) {
				s.abort(q, quic.StreamErrorCode(http3.ErrCodeInternalError))
			}
		}()
		s.request(q)
	})
}

// count counts requests in and out. The connection is idle while there are none.
func (s *h3conn) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active += n; s.active == 0 {
		s.idle.Reset(s.patience())
	} else {
		s.idle.Stop()
	}
}

// depart ends the connection as RFC 9114, section 5.2, has it. The client is told that the end is
// near, and requests that are on their way are answered; then it is told which request was the
// last, and others are refused in a way that lets them be sent again elsewhere.
func (s *h3conn) depart() {
	if s.Context().Err() != nil || !s.goAway(h3Last) {
		s.open.Wait()
		return
	}
	late, stop := context.WithTimeout(s.Context(), backlogTime)
	defer stop()
	for {
		q, err := s.AcceptStream(late)
		if err != nil {
			break
		}
		s.begin(q)
	}
	s.goAway(s.next)
	var refusing sync.WaitGroup
	refusing.Go(func() {
		for {
			q, err := s.AcceptStream(s.Context())
			if err != nil {
				return
			}
			s.abort(q, quic.StreamErrorCode(http3.ErrCodeRequestRejected))
		}
	})
	s.open.Wait()
	s.finish(quic.ApplicationErrorCode(http3.ErrCodeNoError))
	refusing.Wait()
}

// goAway tells the client that no request from this stream on is answered.
func (s *h3conn) goAway(from quic.StreamID) (ok bool) {
	return s.tell(appendH3Frame(nil, h3GoAway, quicvarint.Append(nil, uint64(from))))
}

// violation ends the connection (RFC 9114, section 8).
func (s *h3conn) violation(code http3.ErrCode) {
	why := cause.HTTPMalformed
	if code == http3.ErrCodeExcessiveLoad {
		why = cause.StreamFlood
	}
	s.end(quic.ApplicationErrorCode(code), why)
}

// announced handles a unidirectional stream. Those of QPACK have nothing to say: we let the client
// have no dynamic table.
func (s *h3conn) announced(u *quic.ReceiveStream) {
	kind, err := quicvarint.Read(quicvarint.NewReader(u))
	switch {
	case err != nil: // RFC 9114, section 6.2: it may end before its type
	case s.credit.Add(-1) < 0:
		s.violation(http3.ErrCodeExcessiveLoad)
	case kind >= h3StreamTypes: // likewise: unknown ones are not read
		u.CancelRead(quic.StreamErrorCode(http3.ErrCodeStreamCreationError))
	case kind == h3Push || s.typed[kind].Swap(true): // RFC 9114, sections 6.2.1 and 6.2.2
		s.violation(http3.ErrCodeStreamCreationError)
	case kind == h3Control:
		if code := s.controlled(bufio.NewReaderSize(u, 64)); s.Context().Err() == nil {
			s.violation(code)
		}
	}
}

// controlled reads the client's control stream (RFC 9114, sections 6.2.1 and 7.2) until there is a
// reason to end the connection.
func (s *h3conn) controlled(r *bufio.Reader) http3.ErrCode {
	for first := true; ; first = false {
		kind, err := quicvarint.Read(r)
		if err != nil {
			return http3.ErrCodeClosedCriticalStream
		}
		length, err := quicvarint.Read(r)
		switch {
		case err != nil:
			return http3.ErrCodeFrameError
		case first && kind != h3Settings:
			return http3.ErrCodeMissingSettings
		case !first && (kind == h3Settings || ofRequests(kind) || ofHTTP2(kind)):
			return http3.ErrCodeFrameUnexpected
		case length > maxHTTPHeader || s.credit.Add(-1) < 0:
			return http3.ErrCodeExcessiveLoad
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return http3.ErrCodeFrameError
		}
		if first {
			if code := checkH3Settings(payload); code != 0 {
				return code
			}
		}
	}
}

// checkH3Settings returns the error of a client's settings (RFC 9114, section 7.2.4.1), 0 if there
// is none. None of them changes what we send.
func checkH3Settings(b []byte) http3.ErrCode {
	for len(b) > 0 {
		id, n, err := quicvarint.Parse(b)
		if err != nil {
			return http3.ErrCodeFrameError
		}
		b = b[n:]
		if _, n, err = quicvarint.Parse(b); err != nil {
			return http3.ErrCodeFrameError
		}
		b = b[n:]
		if id >= settingEnablePush && id <= settingMaxFrameSize { // of HTTP/2
			return http3.ErrCodeSettingsError
		}
	}
	return 0
}

// request answers the request of a stream.
func (s *h3conn) request(q *quic.Stream) {
	b := streamBuffers.Get().(*streamBuffer)
	defer streamBuffers.Put(b)
	held := holding{seat: s.seat}
	defer held.release()
	_ = q.SetReadDeadline(time.Now().Add(messageTime)) // of the whole request; never fails
	in, err := b.read(q, maxHTTP3Request, &held)
	var r httpRequest
	switch {
	case err != nil && streamCause(err) == cause.None: // the client cancelled it, or has gone
		s.abort(q, quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		return
	case err != nil:
		s.refuse(q, &r, cause.SlowWriter)
		return
	case len(in) > maxHTTP3Request:
		s.refuse(q, &r, cause.HTTPTooLarge)
		return
	}
	r, fault := parseH3(in)
	switch {
	case fault.connection:
		s.violation(fault.code)
		return
	case fault.code != 0:
		s.owner.spec.Observer.Fault(DoH3, cause.HTTPMalformed)
		s.abort(q, quic.StreamErrorCode(fault.code))
		return
	case fault.why != cause.None:
		s.refuse(q, &r, fault.why)
		return
	}
	s.complete(q, &r, b, &held)
}

// complete answers a complete request.
func (s *h3conn) complete(q *quic.Stream, r *httpRequest, b *streamBuffer, held *holding) {
	packet, why := s.doh.query(r, nil)
	from := s.from
	if why == cause.None {
		from, why = s.doh.client(from, r)
	}
	if why != cause.None {
		s.refuse(q, r, why)
		return
	}
	reply, result := await(q.Context(), s.handler, packet, from, b.out[:0], held)
	switch result {
	case dropped:
		s.end(quic.ApplicationErrorCode(http3.ErrCodeNoError), cause.ClientRefused)
	case hungUp: // STOP_SENDING (RFC 9114, section 4.1.1), or the connection has ended
		s.abort(q, quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
	case silent:
		s.refuse(q, r, cause.HTTPQuery)
	case answered:
		held.more(len(reply))
		s.respond(q, s.doh.h3Answer(make([]byte, 0, len(reply)+256), reply))
	}
}

// refuse answers a request without a valid query.
func (s *h3conn) refuse(q *quic.Stream, r *httpRequest, why cause.Cause) {
	s.owner.spec.Observer.Fault(DoH3, why)
	s.respond(q, s.doh.h3Refusal(nil, r, why))
}

// respond sends a response. What the client may still send is not needed (RFC 9114, section 4.1).
func (s *h3conn) respond(q *quic.Stream, response []byte) {
	q.CancelRead(quic.StreamErrorCode(http3.ErrCodeNoError))
	s.reply(q, response, quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
}
