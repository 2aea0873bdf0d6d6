// DNS over QUIC (RFC 9250): a stream for each query.

package transport

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Error codes of DoQ (RFC 9250, section 4.3).
const (
	doqNoError          = 0x0
	doqInternalError    = 0x1
	doqProtocolError    = 0x2
	doqRequestCancelled = 0x3
	doqExcessiveLoad    = 0x4
	doqUnspecified      = 0x5
)

// overQUIC implements DNS over QUIC.
type overQUIC struct{ keptOpen }

func (overQUIC) open(s Spec) (Listener, error) {
	// RFC 9250, section 4.2: clients open bidirectional streams
	qc := &quic.Config{Allow0RTT: true, MaxIncomingUniStreams: -1}
	return listenQUIC(DoQ, s, s.TLS.config(DoQ.ALPN()), qc, doqExcessiveLoad, serveDoQ)
}

func (overQUIC) upstream(k upstreamKey, by *identities, o *background) upstream {
	return newQUICUpstream(k, by, o)
}

// serveDoQ serves a connection until one side ends it.
func serveDoQ(h Handler, c *quicConn) {
	left, g := c.owner.spec.Gate.allowed.Load().queries, c.owner.spec.Guard
	var wg sync.WaitGroup
	wg.Go(func() { g.Run(guard.Connection, func() { c.shaken() }) })
	for ; left > 0; left-- {
		s, err := c.AcceptStream(c.reading)
		if err != nil {
			break
		}
		c.seat.touch(time.Now())
		if !c.enter(s, doqExcessiveLoad) {
			continue
		}
		wg.Go(func() {
			defer c.leave()
			defer func() {
				if g.Caught(recover(), guard.Connection) {
					c.abort(s, doqInternalError)
				}
			}()
			c.query(h, s)
		})
	}
	if left == 0 {
		limit.ConnectionQueries.Met()
	}
	wg.Wait()
	c.finish(doqNoError)
}

// streamBuffer is the memory for a QUIC stream's query and a prepared answer.
type streamBuffer struct{ in, out []byte }

var streamBuffers = sync.Pool{New: func() any {
	return &streamBuffer{make([]byte, 0, 512),
		make([]byte, 0, 2048)}
}}

// query answers the query of a stream.
func (c *quicConn) query(h Handler, s *quic.Stream) {
	b := streamBuffers.Get().(*streamBuffer)
	defer streamBuffers.Put(b)
	held := holding{seat: c.seat}
	defer held.release()
	packet, why := readDoQ(s, b, &held)
	switch {
	case why == cause.SlowWriter:
		c.owner.spec.Observer.Fault(c.owner.protocol, why)
		c.abort(s, doqExcessiveLoad)
		return
	case why != cause.None:
		c.end(doqProtocolError, why)
		return
	case packet == nil: // the client cancelled its query (RFC 9250, section 4.3.1)
		c.abort(s, doqNoError)
		return
	}
	from := c.from
	select {
	case <-c.HandshakeComplete():
	default:
		from.Early = true
	}
	out := append(b.out[:0], 0, 0)
	reply, result := await(s.Context(), h, packet, from, out[2:], &held)
	switch result {
	case dropped:
		c.end(doqUnspecified, cause.ClientRefused)
	case hungUp: // STOP_SENDING (RFC 9250, section 4.3.1), or the connection has ended
		c.abort(s, doqRequestCancelled)
	case silent:
		c.end(doqProtocolError, cause.QUICProtocol)
	case answered:
		held.more(len(reply))
		c.reply(s, appendFrame(b.out[:0], reply), doqInternalError)
	}
}

// readDoQ reads a stream to its end (RFC 9250, sections 4.2, 4.2.1 and 5.5.2). Both results are
// zero if the client cancelled the stream.
func readDoQ(s *quic.Stream, b *streamBuffer, held *holding) (packet []byte, why cause.Cause) {
	_ = s.SetReadDeadline(time.Now().Add(messageTime)) // never fails
	in, err := b.read(s, 2+wire.MaxMessageLen, held)
	switch {
	case err != nil:
		return nil, streamCause(err)
	case len(in) > 2+wire.MaxMessageLen:
		return nil, cause.QUICProtocol
	}
	return doqMessage(in)
}

// read reads a stream to its end, or until there are more octets than may be.
func (b *streamBuffer) read(s *quic.Stream, most int, held *holding) ([]byte, error) {
	in := b.in[:0]
	for {
		if len(in) == cap(in) {
			in = append(in, 0)[:len(in)]
			held.more(cap(in) - len(in))
		}
		n, err := s.Read(in[len(in):cap(in)])
		in = in[:len(in)+n]
		if len(in) > most {
			return in, nil
		}
		if err != nil {
			if cap(in) <= 4096 {
				b.in = in[:0]
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return in, err
		}
	}
}

// doqMessage returns the one message of a stream, without its length field. It checks that the ID
// is 0 and that the option edns-tcp-keepalive is absent.
func doqMessage(in []byte) (packet []byte, why cause.Cause) {
	if len(in) < 2+wire.HeaderLen || int(binary.BigEndian.Uint16(in)) != len(in)-2 ||
		in[2] != 0 || in[3] != 0 || hasKeepalive(in[2:]) {
		return nil, cause.QUICProtocol
	}
	return in[2:], cause.None
}

// streamCause returns the cause of a failed read: the client was slow, cancelled the stream, or has
// gone.
func streamCause(err error) cause.Cause {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return cause.SlowWriter
	}
	return cause.None
}

var doqQueries = sync.Pool{New: func() any { return new(wire.Query) }}

// hasKeepalive reports whether a query has the option edns-tcp-keepalive (RFC 7828).
func hasKeepalive(packet []byte) bool {
	q := doqQueries.Get().(*wire.Query)
	defer doqQueries.Put(q)
	if wire.ParseQuery(packet, q) != nil {
		return false
	}
	_, has := q.EDNS.Options.Get(wire.OptionKeepalive)
	return has
}

// reply sends an answer and ends the stream, by the code failed if the client does not take it.
func (c *quicConn) reply(s *quic.Stream, frame []byte, failed quic.StreamErrorCode) {
	_ = s.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.Write(frame); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.owner.spec.Observer.Fault(c.owner.protocol, cause.SlowReader)
		}
		s.CancelWrite(failed)
		return
	}
	_ = s.Close() // flushes; an error means that the client has gone
}

func (c *quicConn) abort(s *quic.Stream, code quic.StreamErrorCode) {
	s.CancelRead(code)
	s.CancelWrite(code)
}
