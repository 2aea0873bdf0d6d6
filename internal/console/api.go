// The API: the operations over HTTP, on the admin listener.
//
// A browser on the operator's machine must not be made to use it by a page that it shows. Requests
// need a bearer token, which no browser sends by itself. A change needs a JSON body, for which
// browsers ask first, and nobody tells them that they may (no CORS). Requests of scripts are
// refused by Origin and Sec-Fetch-Site. A Host that is a name has to be one that the operator
// listed, as a page can give its own name any address (DNS rebinding).

package console

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// API is the handler of Prefix.
type API struct {
	desk        *Desk
	log         *slog.Logger
	access      atomic.Pointer[Access]
	description func() ([]byte, error) // made when it is first asked for

	mu     sync.Mutex
	minute int64 // guarded by mu, as are the lines in it
	lines  int
	left   int
}

// Access is who may use the API, and by which names of the server.
type Access struct {
	Tokens *Tokens
	Hosts  []string // besides addresses and localhost
	Page   bool     // whether there is a web page that uses it
	Closed bool     // whether the metrics take a token as well
	// By is what the listener encrypts with from the same moment on, whose clients may have the
	// metrics by a certificate. It is one with Closed: a reload that has another of the two ways
	// leaves no moment between them in which the metrics are for all.
	By *Encryption
}

// NewAPI returns the API of a desk, for nobody until Allow.
func NewAPI(d *Desk, version string, log *slog.Logger) *API {
	a := &API{desk: d, log: log, description: sync.OnceValues(func() ([]byte, error) {
		text, err := json.MarshalIndent(describe(d.ops, version), "", "  ")
		return append(text, '\n'), err
	})}
	a.access.Store(&Access{})
	return a
}

// Allow changes who may use it, from the next request on.
func (a *API) Allow(to Access) { a.access.Store(&to) }

// problem is an error of the API (RFC 9457).
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	outcome Outcome
}

func newProblem(status int, o Outcome, format string, args ...any) *problem {
	return &problem{"about:blank", http.StatusText(status), status, fmt.Sprintf(format, args...), o}
}

// write sends it.
func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // if that fails, the caller has gone
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p := a.serve(w, r); p != nil {
		a.refuse(w, r, p)
	}
}

// refuse counts and sends what is wrong with a request, and logs who may not.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	if p.outcome != "" {
		a.desk.count(OverHTTP, p.outcome)
	}
	if p.outcome == Unauthenticated || p.outcome == Forbidden {
		a.logRefused(r, p)
	}
	p.write(w)
}

// measures reports whether a request may have the metrics: where they are not for all, by a
// certificate or by a token, whichever of the two there are. It answers one that may not.
func (a *API) measures(w http.ResponseWriter, r *http.Request, failed func(error)) bool {
	access := a.access.Load()
	asks := access.By.asks()
	if !access.Closed && !asks {
		return true
	}
	var p *problem
	if asks {
		err := access.By.verify(r, failed)
		if err == nil {
			return true
		}
		p = newProblem(http.StatusForbidden, Forbidden, "the metrics are for clients with a "+
			"certificate of admin.client_ca: %v", err)
		// Only the next connection can have a certificate that was renewed.
		w.Header().Set("Connection", "close")
	}
	if access.Closed {
		if _, _, p = access.authenticate(w, r); p == nil {
			return true
		}
	}
	a.refuse(w, r, p)
	return false
}

// serve answers a request, or returns what is wrong with it.
func (a *API) serve(w http.ResponseWriter, r *http.Request) *problem {
	access := a.access.Load()
	if p := access.screen(r); p != nil {
		return p
	}
	if r.URL.Path == Prefix+"openapi.json" {
		if !reads(r) {
			return notAllowed(w, http.MethodGet)
		}
		text, err := a.description()
		if err != nil {
			return newProblem(http.StatusInternalServerError, "", "%v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
		return nil
	}
	name, role, p := access.authenticate(w, r)
	if p != nil {
		return p
	}
	op, p := a.route(w, r)
	if p != nil {
		return p
	}
	if op.Changes && role < Operate {
		return newProblem(http.StatusForbidden, Forbidden, "token %q has the role %s: %s needs "+
			"the role operate", name, role, op.Name)
	}
	req := Request{Command: op.Name, Caller: fmt.Sprintf("token %q", name), From: r.RemoteAddr,
		IfMatch: r.Header.Get("If-Match")}
	if op.Replaces != "" && req.IfMatch == "" { // RFC 6585, section 3
		return newProblem(http.StatusPreconditionRequired, Malformed, "send the ETag of %s %s as "+
			"If-Match, so that no other change is lost, or If-Match: *", http.MethodGet, op.Path())
	}
	defer keepSeat(r)()
	if req.Args, p = arguments(w, r, op); p != nil {
		return p
	}
	result, err := a.desk.do(OverHTTP, req)
	// The reply has its own time: a reload of millions of rules takes longer than that.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(controlTimeout))
	if err != nil {
		return problemOf(err)
	}
	return a.reply(w, r, op, result)
}

// screen refuses requests of browsers, and those by a name that is not the server's.
func (c *Access) screen(r *http.Request) *problem {
	if o := r.Header.Get("Origin"); o != "" {
		return newProblem(http.StatusForbidden, Forbidden, "requests of web pages are refused")
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin":
	default:
		return newProblem(http.StatusForbidden, Forbidden, "requests of web pages are refused")
	}
	return c.screenHost(r)
}

// screenHost refuses requests by a name that is not the server's.
func (c *Access) screenHost(r *http.Request) *problem {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil && host != "localhost" && !slices.Contains(c.Hosts, host) {
		return newProblem(http.StatusMisdirectedRequest, Forbidden, "the server is not known as "+
			"%.64q: use its address, or list the name in api.hosts", host)
	}
	return nil
}

// authenticate returns the name and the role of the token of a request.
func (c *Access) authenticate(w http.ResponseWriter, r *http.Request) (string, Role, *problem) {
	if c.Tokens.Len() == 0 {
		return "", NoRole, newProblem(http.StatusForbidden, Forbidden, "the API is off: nobody "+
			"has a token; see api.token_file")
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	name, role := c.Tokens.match(strings.TrimSpace(secret))
	if role == NoRole || !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", `Bearer realm="bailiwick"`) // RFC 6750, section 3
		return "", NoRole, newProblem(http.StatusUnauthorized, Unauthenticated,
			"send a token of api.token_file: Authorization: Bearer TOKEN")
	}
	return name, role, nil
}

// route returns the operation of a path and a method.
func (a *API) route(w http.ResponseWriter, r *http.Request) (*Operation, *problem) {
	var allowed []string
	for i := range a.desk.ops {
		switch op := &a.desk.ops[i]; {
		case op.Path() != r.URL.Path:
		case op.Method() == r.Method, op.Method() == http.MethodGet && reads(r):
			return op, nil
		default:
			allowed = append(allowed, op.Method())
		}
	}
	if allowed == nil {
		return nil, newProblem(http.StatusNotFound, Malformed, "no operation has this path; "+
			"%sopenapi.json lists all", Prefix)
	}
	return nil, notAllowed(w, allowed...)
}

// reads reports whether a request changes nothing: HEAD is GET without the body, which net/http
// leaves out (RFC 9110, section 9.3.2), and what has the one has the other (section 9.1).
func reads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

func notAllowed(w http.ResponseWriter, methods ...string) *problem {
	allowed := methods
	if slices.Contains(methods, http.MethodGet) {
		allowed = append(slices.Clone(methods), http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return newProblem(http.StatusMethodNotAllowed, Malformed, "the method is %s",
		strings.Join(methods, " or "))
}

// arguments reads those of a request.
func arguments(w http.ResponseWriter, r *http.Request, op *Operation) (map[string]string,
	*problem) {
	if !op.Changes {
		args, err := op.parseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, newProblem(http.StatusBadRequest, Malformed, "%v", err)
		}
		return args, nil
	}
	if r.URL.RawQuery != "" { // URLs are in logs and histories
		return nil, newProblem(http.StatusBadRequest, Malformed,
			"the arguments of a change are in its body")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil ||
		t != "application/json" {
		return nil, newProblem(http.StatusUnsupportedMediaType, Malformed,
			"send a JSON object, with Content-Type: application/json")
	}
	read(w, bodyTime)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, newProblem(http.StatusRequestEntityTooLarge, Malformed,
			"the body has more than %d octets", maxBody)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, Malformed, "the body does not arrive")
	}
	args, err := op.parseBody(body)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, Malformed, "%v", err)
	}
	return args, nil
}

// problemOf returns the response for an error of the desk, which has counted it.
func problemOf(err error) *problem {
	status := http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, errMalformed):
		status = http.StatusBadRequest
	case errors.Is(err, ErrStale):
		status = http.StatusPreconditionFailed
	case errors.Is(err, ErrStopping):
		status = http.StatusServiceUnavailable
	}
	return newProblem(status, "", "%v", err)
}

// reply sends a result.
func (a *API) reply(w http.ResponseWriter, r *http.Request, op *Operation, res Result) *problem {
	if res.Text != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := res.Text(&paced{w, http.NewResponseController(w)}); err != nil {
			// The status is sent. Only a connection that breaks tells that the text is not whole.
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	object := op.Object(res)
	if op.Tagged {
		tag := Tag(object)
		w.Header().Set("ETag", tag)
		if Matches(r.Header.Get("If-None-Match"), tag) && reads(r) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // if that fails, the caller has gone
	return nil
}

// paced writes pieces of a text. Each has its time: a reader that does not read is left.
type paced struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *paced) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(controlTimeout))
	return p.ResponseWriter.Write(b)
}

// Tag returns the ETag of a value (RFC 9110, section 8.8.3): a strong one, of the value's JSON.
func Tag(v any) string {
	text, err := json.Marshal(v) // maps are in order
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf(`"%x"`, sum[:12])
}

// Matches reports whether a field of a condition has a tag, or takes any (RFC 9110, section 13.1).
func Matches(field, tag string) bool {
	for one := range strings.SplitSeq(field, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// logRefused logs a request that was refused, as it may be somebody's attempt; few a minute.
func (a *API) logRefused(r *http.Request, p *problem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if minute := time.Now().Unix() / 60; minute != a.minute {
		a.minute, a.lines = minute, 0
	}
	if a.lines >= maxRefusedLines {
		a.left++
		return
	}
	a.log.Warn("API request refused", "from", r.RemoteAddr, "method", cut(r.Method), "path",
		cut(r.URL.Path), "status", p.Status, "detail", p.Detail, "left_out", a.left)
	a.lines++
	a.left = 0
}
