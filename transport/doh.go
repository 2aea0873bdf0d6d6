// DNS over HTTPS (RFC 8484) for all versions of HTTP: the checks of a request, and the fields of a
// response.

package transport

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// mediaType is the media type of DNS messages (RFC 8484, section 6).
const mediaType = "application/dns-message"

// doh is a listener's configuration of DNS over HTTPS.
type doh struct {
	protocol Protocol
	spec     Spec
	lastDate atomic.Pointer[dateLine]
}

// httpRequest is the part of a request that matters here.
type httpRequest struct {
	method, path, media string // path with its query
	forwarded           string // Forwarded; several fields joined by commas
	forwardedFor        string // X-Forwarded-For, likewise
	body                []byte
}

// query returns the DNS message of a request. It may use buf for it.
func (d *doh) query(r *httpRequest, buf []byte) (packet []byte, why cause.Cause) {
	path, params, _ := strings.Cut(r.path, "?")
	if path != d.spec.now.Load().path {
		return nil, cause.HTTPPath
	}
	switch r.method {
	case http.MethodPost:
		media, _, _ := strings.Cut(r.media, ";")
		if !strings.EqualFold(strings.TrimSpace(media), mediaType) {
			return nil, cause.HTTPMediaType
		}
		packet = r.body
	case http.MethodGet:
		var err error
		if packet, err = base64.RawURLEncoding.AppendDecode(buf,
			[]byte(param(params))); err != nil {
			return nil, cause.HTTPQuery
		}
	default:
		return nil, cause.HTTPMethod
	}
	switch {
	case len(packet) > wire.MaxMessageLen:
		return nil, cause.HTTPTooLarge
	case len(packet) < wire.HeaderLen:
		return nil, cause.HTTPQuery
	}
	return packet, cause.None
}

// param returns the value of the parameter dns (RFC 8484, section 4.1). Base64url needs no escapes,
// but a client may use them.
func param(params string) string {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, "&")
		if v, ok := strings.CutPrefix(p, "dns="); ok {
			if strings.IndexByte(v, '%') >= 0 {
				if u, err := url.QueryUnescape(v); err == nil {
					return u
				}
			}
			return v
		}
	}
	return ""
}

// maxAge returns the value of max-age in Cache-Control (RFC 8484, section 5.1).
func maxAge(reply []byte) uint32 {
	seconds, ok := wire.Freshness(reply)
	if rc := wire.RCode(reply[3] & 15); !ok || rc != wire.RCodeNoError && rc != wire.RCodeNXDomain {
		return 0
	}
	return seconds
}

// altSvc returns the value of Alt-Svc (RFC 7838), "" without HTTP/3.
func (d *doh) altSvc() string {
	if d.spec.AltSvc == nil {
		return ""
	}
	if port := d.spec.AltSvc(); port != 0 {
		return `h3=":` + strconv.Itoa(int(port)) + `"; ma=86400`
	}
	return ""
}

// date returns the value of Date (RFC 9110, section 6.6.1), formatted once a second.
func (d *doh) date() string {
	now := time.Now()
	if last := d.lastDate.Load(); last != nil && last.second == now.Unix() {
		return last.text
	}
	line := &dateLine{now.Unix(), now.UTC().Format(http.TimeFormat)}
	d.lastDate.Store(line)
	return line.text
}

type dateLine struct {
	second int64
	text   string
}

// serveHTTP answers a request that net/http has read. It waits for the answer.
func (d *doh) serveHTTP(h Handler, by requester, w http.ResponseWriter, q *http.Request) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler || d.spec.Guard.Caught(v, guard.Connection) {
			panic(http.ErrAbortHandler) // net/http ends the connection then
		}
	}()
	held := holding{seat: by.seat}
	defer held.release()
	r := httpRequest{method: q.Method, path: q.URL.RequestURI(),
		media: q.Header.Get("Content-Type")}
	r.forwarded = strings.Join(q.Header.Values("Forwarded"), ",")
	r.forwardedFor = strings.Join(q.Header.Values("X-Forwarded-For"), ",")
	var why cause.Cause
	if q.Method == http.MethodPost {
		r.body, why = readBody(q, &held)
	}
	var packet []byte
	if why == cause.None {
		packet, why = d.query(&r, nil)
	}
	from := by.Client
	if why == cause.None {
		from, why = d.client(from, &r)
	}
	if a := d.altSvc(); a != "" {
		w.Header().Set("Alt-Svc", a)
	}
	if why != cause.None {
		d.refuse(w, why)
		return
	}
	reply, result := await(q.Context(), h, packet, from, nil, &held)
	switch result {
	case dropped, hungUp:
		panic(http.ErrAbortHandler) // end the request without an answer
	case silent:
		d.refuse(w, cause.HTTPQuery)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	w.Header().Set("Cache-Control", "max-age="+strconv.FormatUint(uint64(maxAge(reply)), 10))
	held.more(len(reply))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	_, _ = w.Write(reply) // an error means that the client has gone
}

// readBody reads the body of a POST, up to the size of a message.
func readBody(q *http.Request, held *holding) ([]byte, cause.Cause) {
	buf := make([]byte, 0, 512)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
			held.more(cap(buf) - len(buf))
		}
		n, err := q.Body.Read(buf[len(buf):min(cap(buf), wire.MaxMessageLen+1)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > wire.MaxMessageLen:
			return nil, cause.HTTPTooLarge
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, cause.SlowWriter
		case err != nil: // the end, or a truncated body: query checks its length
			return buf, cause.None
		}
	}
}

// refuse answers a request with the status of its error.
func (d *doh) refuse(w http.ResponseWriter, why cause.Cause) {
	d.spec.Observer.Fault(d.protocol, why)
	if why == cause.HTTPMethod {
		w.Header().Set("Allow", "GET, POST")
	}
	http.Error(w, why.Text(), why.HTTPStatus())
}

// overHTTP2 implements DNS over HTTPS by HTTP/2 and HTTP/1.1.
type overHTTP2 struct{ keptOpen }

// open serves HTTP/2 by our own engine, and HTTP/1.1 by net/http.
func (overHTTP2) open(s Spec) (Listener, error) {
	d := &doh{protocol: DoH, spec: s}
	cfg := s.TLS.overTCP(DoH.ALPN(), "http/1.1")
	return d.listen(func(h Handler, c *conn, one *http1) {
		t := c.handshake(cfg)
		switch {
		case t == nil:
		case t.ConnectionState().NegotiatedProtocol == DoH.ALPN():
			serveHTTP2(h, d, c, t)
		default:
			one.serve(c, t)
		}
	})
}

func (overHTTP2) upstream(k upstreamKey, by *identities, o *background) upstream {
	return newHTTPUpstream(k, by, http2Client(k, by, o))
}

// overPlainHTTP implements DNS over HTTPS without TLS.
type overPlainHTTP struct{}

// open serves HTTP/2 with prior knowledge (RFC 9113, section 3.3) and HTTP/1.1.
func (overPlainHTTP) open(s Spec) (Listener, error) {
	d := &doh{protocol: DoHPlain, spec: s}
	return d.listen(func(h Handler, c *conn, one *http1) {
		if c.SetReadDeadline(time.Now().Add(messageTime)) != nil {
			return
		}
		if c.begins(http2Preface[:3]) {
			serveHTTP2(h, d, c, c)
		} else {
			one.serve(c, c)
		}
	})
}

func (d *doh) listen(serve func(Handler, *conn, *http1)) (Listener, error) {
	one := newHTTP1(d)
	l, err := accept(d.protocol, d.spec, func(h Handler, c *conn) {
		one.start(h)
		serve(h, c, one)
	})
	if err != nil {
		return nil, err
	}
	one.owner = l
	return &httpListener{l, one}, nil
}

// httpListener is an acceptor that also closes net/http's server.
type httpListener struct {
	*acceptor
	one *http1
}

func (l *httpListener) Close() {
	l.Stop()
	var wg sync.WaitGroup
	wg.Go(l.one.close)
	l.acceptor.Close()
	wg.Wait()
}

// begins reports whether the connection's next octets are text. They stay unread.
func (b *burst) begins(text string) bool {
	for b.w < len(text) {
		n, err := b.Conn.Read(b.room()[b.w:])
		b.w += n
		if err != nil {
			return false
		}
	}
	return strings.HasPrefix(string(b.buf[:b.w]), text)
}
