// Frames of HTTP/3 (RFC 9114, section 7): requests are parsed, responses are built. Field sections
// are decoded and encoded by quic-go's qpack, without a dynamic table.

package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"bailiwick/internal/cause"
)

// Frame types (RFC 9114, section 7.2).
const (
	h3Data        = 0x0
	h3Headers     = 0x1
	h3CancelPush  = 0x3
	h3Settings    = 0x4
	h3PushPromise = 0x5
	h3GoAway      = 0x7
	h3MaxPushID   = 0xd
)

// h3MaxFieldSection is the setting SETTINGS_MAX_FIELD_SECTION_SIZE (RFC 9114, section 7.2.4.1).
const h3MaxFieldSection = 0x6

// ofRequests reports whether frames of a type belong on streams of requests only.
func ofRequests(kind uint64) bool {
	return kind == h3Data || kind == h3Headers || kind == h3PushPromise
}

// ofHTTP2 reports whether a type is one of HTTP/2 that HTTP/3 does not have (RFC 9114, section
// 7.2.8).
func ofHTTP2(kind uint64) bool {
	return kind == framePriority || kind == framePing || kind == frameWindowUpdate ||
		kind == frameContinuation
}

// ofControl reports whether frames of a type belong on control streams only.
func ofControl(kind uint64) bool {
	return kind == h3CancelPush || kind == h3Settings || kind == h3GoAway || kind == h3MaxPushID
}

// h3Fault is what is wrong with a request.
type h3Fault struct {
	code       http3.ErrCode // 0: the request is answered
	connection bool          // the error ends the connection
	why        cause.Cause   // the request is refused for it
}

// nextH3Frame returns the first frame of b.
func nextH3Frame(b []byte) (kind uint64, payload, rest []byte, ok bool) {
	kind, n, err := quicvarint.Parse(b)
	if err != nil {
		return 0, nil, nil, false
	}
	b = b[n:]
	length, n, err := quicvarint.Parse(b)
	if err != nil || length > uint64(len(b)-n) {
		return 0, nil, nil, false
	}
	b = b[n:]
	return kind, b[:length], b[length:], true
}

// parseH3 returns the request of a stream that has ended (RFC 9114, section 4.1). Its body may be
// part of b.
func parseH3(b []byte) (httpRequest, h3Fault) {
	h := headerBlock{length: -1}
	var body []byte
	began, ended := false, false
	for len(b) > 0 {
		kind, payload, rest, ok := nextH3Frame(b)
		b = rest
		switch {
		case !ok: // section 7.1
			return httpRequest{}, h3Fault{code: http3.ErrCodeFrameError, connection: true}
		case kind == h3Headers && !began:
			began = true
			if fault := h.section(payload); fault != (h3Fault{}) {
				return h.req, fault
			}
		case kind == h3Headers && !ended: // trailers, whose fields are ignored
			ended, h.trailers = true, true
			if fault := h.section(payload); fault.code != 0 {
				return httpRequest{}, fault
			}
		case kind == h3Data && began && !ended && body == nil:
			body = payload[:len(payload):len(payload)]
		case kind == h3Data && began && !ended:
			body = append(body, payload...)
		case ofRequests(kind), ofControl(kind), ofHTTP2(kind):
			return httpRequest{}, h3Fault{code: http3.ErrCodeFrameUnexpected, connection: true}
		}
	}
	switch {
	case !began:
		return httpRequest{}, h3Fault{code: http3.ErrCodeRequestIncomplete}
	case h.length >= 0 && h.length != int64(len(body)): // section 4.1.2
		return httpRequest{}, h3Fault{code: http3.ErrCodeMessageError}
	}
	h.req.body = body
	return h.req, h3Fault{}
}

// section decodes a field section.
func (h *headerBlock) section(b []byte) h3Fault {
	if len(b) > maxHTTPHeader {
		return h3Fault{why: cause.HTTPTooLarge}
	}
	for next := qpack.NewDecoder().Decode(b); ; {
		f, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // RFC 9204, section 2.2
			return h3Fault{code: http3.ErrCodeQPACKDecompressionFailed, connection: true}
		}
		h.add(f.Name, f.Value)
	}
	switch {
	case h.trailers:
	case h.size > maxHTTPHeader:
		return h3Fault{why: cause.HTTPTooLarge}
	case h.malformed():
		return h3Fault{code: http3.ErrCodeMessageError}
	}
	return h3Fault{}
}

func appendH3Frame(b []byte, kind uint64, payload []byte) []byte {
	b = quicvarint.Append(b, kind)
	b = quicvarint.Append(b, uint64(len(payload)))
	return append(b, payload...)
}

// h3Fields encodes the fields of a response: pairs of names and values, and those that all
// responses have.
func (d *doh) h3Fields(pairs ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	pairs = append(pairs, "date", d.date())
	if a := d.altSvc(); a != "" {
		pairs = append(pairs, "alt-svc", a)
	}
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(qpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}) // never fails
	}
	return b.Bytes()
}

// h3Answer appends a response with a DNS message.
func (d *doh) h3Answer(b, reply []byte) []byte {
	b = appendH3Frame(b, h3Headers, d.h3Fields(":status", "200", "content-type", mediaType,
		"content-length", strconv.Itoa(len(reply)),
		"cache-control", "max-age="+strconv.FormatUint(uint64(maxAge(reply)), 10)))
	return appendH3Frame(b, h3Data, reply)
}

// h3Refusal appends a response with the status of an error.
func (d *doh) h3Refusal(b []byte, r *httpRequest, why cause.Cause) []byte {
	text := why.Text() + "\n"
	fields := []string{":status", strconv.Itoa(why.HTTPStatus()),
		"content-type", "text/plain; charset=utf-8", "content-length", strconv.Itoa(len(text))}
	if why == cause.HTTPMethod {
		fields = append(fields, "allow", "GET, POST")
	}
	b = appendH3Frame(b, h3Headers, d.h3Fields(fields...))
	if r.method == http.MethodHead { // the length of the body without the body
		return b
	}
	return appendH3Frame(b, h3Data, []byte(text))
}
