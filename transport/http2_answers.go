// Answers to HTTP/2 requests: header fields without the dynamic table, and bodies as far as the
// client's windows allow.

package transport

import (
	"bytes"
	"net/http"
	"time"

	"bailiwick/internal/cause"
)

// answer appends the response to a query. The caller holds mu.
func (s *http2) answer(b []byte, st *h2stream, reply []byte) []byte {
	switch {
	case s.streams[st.id] != st: // it was reset
		return b
	case reply == nil && st.client != nil && st.client.Err() != nil: // the connection has ended
		return b
	case reply == nil:
		return s.refused(b, st, cause.HTTPQuery)
	}
	return s.respond(b, st, reply)
}

// served sends an answer that was resolved. The frames are added under the lock, so that those of a
// stream stay in order.
func (s *http2) served(st *h2stream, reply []byte) {
	s.add(st, reply)
	s.out.send()
}

func (s *http2) add(st *h2stream, reply []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.add(s.answer(make([]byte, 0, len(reply)+256), st, reply))
}

// done counts a query out of those in work.
func (s *http2) done() {
	s.seat.done()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.working--; s.working == 0 {
		s.idle.Broadcast()
	}
}

// respond appends a response with a DNS message. The caller holds mu.
func (s *http2) respond(b []byte, st *h2stream, reply []byte) []byte {
	at := len(b)
	b = appendFrameHeader(b, 0, frameHeaders, flagEndHeaders, st.id)
	b = append(b, 0x88) // :status 200
	b = appendField(b, fieldContentType, mediaType)
	b = appendNumber(b, fieldContentLength, "", uint32(len(reply)))
	b = appendNumber(b, fieldCacheControl, "max-age=", maxAge(reply))
	return s.body(endHeaders(s.common(b), at), st, reply)
}

// body appends as much of a body as the client's windows allow; the rest waits. The caller holds
// mu.
func (s *http2) body(b []byte, st *h2stream, body []byte) []byte {
	for {
		n := int(min(int64(len(body)), s.window, st.window, frameSize))
		if n <= 0 && len(body) > 0 {
			s.stall(st, body)
			return b
		}
		flags := byte(0)
		if n == len(body) {
			flags = flagEndStream
		}
		b = append(appendFrameHeader(b, n, frameData, flags, st.id), body[:n]...)
		s.window, st.window, body = s.window-int64(n), st.window-int64(n), body[n:]
		if flags != 0 {
			s.drop(st)
			return b
		}
	}
}

// stall keeps the part of an answer that waits for the client's window. It is copied once; later
// its front advances, and the whole copy counts as held until all of it is sent. The caller holds
// mu.
func (s *http2) stall(st *h2stream, unsent []byte) {
	if st.kept == 0 {
		unsent = bytes.Clone(unsent)
		s.charge(st, len(unsent))
		st.due = time.Now().Add(streamTime)
	}
	st.unsent = unsent
	if s.stalled > maxUnsent {
		s.end(cause.SlowReader)
	}
}

// charge sets how many octets are kept for a stream. The caller holds mu.
func (s *http2) charge(st *h2stream, octets int) {
	s.stalled += octets - st.kept
	s.seat.hold(octets - st.kept)
	st.kept = octets
}

// refuse answers a request without a valid query.
func (s *http2) refuse(st *h2stream, why cause.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work.out = s.refused(s.work.out, st, why)
}

func (s *http2) refused(b []byte, st *h2stream, why cause.Cause) []byte {
	s.doh.spec.Observer.Fault(s.doh.protocol, why)
	text := why.Text() + "\n"
	at := len(b)
	b = appendFrameHeader(b, 0, frameHeaders, flagEndHeaders, st.id)
	b = appendNumber(b, fieldStatus, "", uint32(why.HTTPStatus()))
	b = appendField(b, fieldContentType, "text/plain; charset=utf-8")
	b = appendNumber(b, fieldContentLength, "", uint32(len(text)))
	if why == cause.HTTPMethod {
		b = appendField(b, fieldAllow, "GET, POST")
	}
	b = s.common(b)
	if st.req.method == http.MethodHead { // HEAD: the length of the body without the body
		b[at+4] |= flagEndStream
		s.drop(st)
		return endHeaders(b, at)
	}
	return s.body(endHeaders(b, at), st, []byte(text))
}

// endHeaders fills in the length of the HEADERS frame that begins at an offset.
func endHeaders(b []byte, at int) []byte {
	n := len(b) - at - frameHeaderLen
	b[at], b[at+1], b[at+2] = byte(n>>16), byte(n>>8), byte(n)
	return b
}

// common appends the header fields of all responses.
func (s *http2) common(b []byte) []byte {
	if s.altSvc != "" {
		b = append(b, 0, byte(len("alt-svc")))
		b = append(b, "alt-svc"...)
		b = append(b, byte(len(s.altSvc)))
		b = append(b, s.altSvc...)
	}
	return appendField(b, fieldDate, s.doh.date())
}

// Names of fields in HPACK's static table (RFC 7541, appendix A).
const (
	fieldStatus        = 8
	fieldAllow         = 22
	fieldCacheControl  = 24
	fieldContentLength = 28
	fieldContentType   = 31
	fieldDate          = 33
)

// appendField appends a field with a name of the static table, not indexed (RFC 7541, section
// 6.2.2). Values are shorter than 127 octets.
func appendField(b []byte, name byte, value string) []byte {
	b = appendName(b, name)
	b = append(b, byte(len(value)))
	return append(b, value...)
}

func appendName(b []byte, name byte) []byte {
	if name < 15 {
		return append(b, name)
	}
	return append(b, 15, name-15)
}

// appendNumber appends a field whose value is a word and a number.
func appendNumber(b []byte, name byte, word string, n uint32) []byte {
	var digits [10]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			break
		}
	}
	b = appendName(b, name)
	b = append(b, byte(len(word)+len(digits)-i))
	b = append(b, word...)
	return append(b, digits[i:]...)
}
