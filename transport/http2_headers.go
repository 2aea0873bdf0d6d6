// Header fields of HTTP/2 and HTTP/3 requests, and header blocks of HTTP/2.

package transport

import (
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// headerBlock is the header block that is being read.
type headerBlock struct {
	stream    uint32 // 0: none
	endStream bool
	trailers  bool
	fragments []byte // undecoded, if CONTINUATION is to follow
	size      int    // of the decoded list (RFC 9113, section 6.5.2)
	req       httpRequest
	length    int64
	seen      [pseudoFields]bool
	regular   bool // a regular field has come; pseudo-fields come first
	bad       bool // malformed (RFC 9113, section 8.1.1)
}

// The pseudo-fields of requests (RFC 9113, section 8.3.1).
const (
	pseudoMethod = iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
	pseudoFields
)

// headers begins a request, or ends one with trailers.
func (s *http2) headers(flags byte, stream uint32, p []byte) cause.Cause {
	p, ok := unpad(flags, p)
	if !ok || stream&1 == 0 {
		return s.violation(h2ProtocolError)
	}
	if flags&flagPriority != 0 {
		if len(p) < 5 {
			return s.violation(h2FrameSizeError)
		}
		if dependsOnItself(stream, p) {
			return s.violation(h2ProtocolError)
		}
		p = p[5:]
	}
	s.block = headerBlock{stream: stream, endStream: flags&flagEndStream != 0, length: -1,
		fragments: s.block.fragments[:0]}
	if stream <= s.last {
		s.mu.Lock()
		st := s.streams[stream]
		s.mu.Unlock()
		if (st == nil || !st.open) && !s.pardoned(stream) {
			return s.violation(h2StreamClosed)
		}
		s.block.trailers = true
	}
	if flags&flagEndHeaders == 0 {
		s.block.fragments = append(s.block.fragments, p...)
		return cause.None
	}
	return s.decoded(p)
}

func (s *http2) continuation(flags byte, p []byte) cause.Cause {
	if s.block.stream == 0 {
		return s.violation(h2ProtocolError)
	}
	if len(s.block.fragments)+len(p) > maxHTTPHeader { // CVE-2024-27316: endless frames
		return s.violation(h2EnhanceYourCalm)
	}
	s.block.fragments = append(s.block.fragments, p...)
	if flags&flagEndHeaders == 0 {
		return cause.None
	}
	return s.decoded(s.block.fragments)
}

// decoded handles a complete header block. It is decoded even if the request is not needed: the
// dynamic table belongs to the connection.
func (s *http2) decoded(p []byte) cause.Cause {
	h := &s.block
	defer func() { h.stream, h.req = 0, httpRequest{} }()
	if _, err := s.dec.Write(p); err != nil {
		return s.violation(h2CompressionError)
	}
	if err := s.dec.Close(); err != nil {
		return s.violation(h2CompressionError)
	}
	if h.trailers {
		return s.trailers(h)
	}
	if s.going { // RFC 9113, section 6.8: GOAWAY told the client to ask elsewhere
		s.credit--
		return cause.None
	}
	s.last = h.stream
	st := s.newStream(h)
	s.mu.Lock()
	full := len(s.streams) >= s.seat.gate.inFlight || s.working >= s.seat.gate.inFlight
	if !full {
		st.window = s.initial
		s.streams[st.id] = st
	}
	s.mu.Unlock()
	switch {
	case full:
		s.credit -= resetCost
		s.resetID(h.stream, h2RefusedStream) // RFC 9113, section 8.7: it may be sent again
	case h.size > maxHTTPHeader && !h.endStream:
		s.tooLarge(st)
	case h.size > maxHTTPHeader:
		s.refuse(st, cause.HTTPTooLarge)
	case h.malformed():
		s.resetStream(st, h2ProtocolError)
	case h.endStream:
		return s.complete(st)
	case h.length > wire.MaxMessageLen:
		s.tooLarge(st)
	default:
		st.open = true
		st.due = time.Now().Add(messageTime)
		s.open++
		s.held, st.held = s.held+h.size, h.size // the fields are kept until the body has come
	}
	if !h.endStream && !st.open {
		s.forgive(st.id)
	}
	return cause.None
}

// trailers end a body (RFC 9113, section 8.1); their fields are ignored.
func (s *http2) trailers(h *headerBlock) cause.Cause {
	if !h.endStream {
		return s.violation(h2ProtocolError)
	}
	s.mu.Lock()
	st := s.streams[h.stream]
	s.mu.Unlock()
	if st == nil { // we have closed it
		s.credit--
		return cause.None
	}
	return s.complete(st)
}

// field handles a decoded field.
func (s *http2) field(f hpack.HeaderField) { s.block.add(f.Name, f.Value) }

// malformed reports whether a request cannot be understood (RFC 9113, section 8.1.1; RFC 9114,
// section 4.1.2).
func (h *headerBlock) malformed() bool {
	return h.bad || !h.seen[pseudoMethod] || !h.seen[pseudoScheme] || !h.seen[pseudoPath] ||
		h.req.path == ""
}

// add adds a field of a request.
func (h *headerBlock) add(name, value string) {
	if h.size += len(name) + len(value) + 32; h.size > maxHTTPHeader || h.trailers {
		return
	}
	if len(name) > 0 && name[0] == ':' {
		h.pseudo(name, value)
		return
	}
	h.regular = true
	switch name {
	case "content-type":
		h.req.media = value
	case "content-length":
		n, err := strconv.ParseInt(value, 10, 64)
		h.length, h.bad = n, h.bad || err != nil || n < 0
	case "forwarded":
		h.req.forwarded = joinField(h.req.forwarded, value)
	case "x-forwarded-for":
		h.req.forwardedFor = joinField(h.req.forwardedFor, value)
	// RFC 9113, section 8.2.2; RFC 9114, section 4.2
	case "connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection":
		h.bad = true
	case "te":
		h.bad = h.bad || value != "trailers"
	default:
		h.bad = h.bad || !lowerCase(name)
	}
}

// joinField joins the values of fields with one name (RFC 9110, section 5.3).
func joinField(before, value string) string {
	if before == "" {
		return value
	}
	return before + "," + value
}

// lowerCase reports whether a field's name has no upper-case letters (RFC 9113, section 8.2.1).
func lowerCase(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || c == ':' {
			return false
		}
	}
	return name != ""
}

func (h *headerBlock) pseudo(name, value string) {
	which := -1
	switch name {
	case ":method":
		which, h.req.method = pseudoMethod, value
	case ":scheme":
		which = pseudoScheme
	case ":authority":
		which = pseudoAuthority
	case ":path":
		which, h.req.path = pseudoPath, value
	}
	if which < 0 || h.regular || h.seen[which] ||
		name == ":method" && value == http.MethodConnect {
		h.bad = true
		return
	}
	h.seen[which] = true
}
