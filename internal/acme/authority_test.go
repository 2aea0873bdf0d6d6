// An authority in the process: pebble, with a resolver of its own and a zone that takes updates.

package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"bailiwick/internal/clock"
	"bailiwick/internal/logtest"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/state"
	"bailiwick/wire"
)

// authority is pebble, which sees the world through a zone, and validates at one port.
type authority struct {
	*httptest.Server
	zone   *updatable
	root   *x509.CertPool // that it issues from
	own    *x509.CertPool // that its own certificate is issued by
	orders atomic.Int32   // requests for one
	broken atomic.Bool    // it answers nothing but errors
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// lives are the profiles of the authority, with how long their certificates live.
var lives = map[string]ca.Profile{"default": {ValidityPeriod: 90 * 86400},
	"shortlived": {ValidityPeriod: 6 * 86400}}

// newAuthority starts pebble, which finds a server at a port of loopback by tls-alpn-01. nonces is
// how many of a hundred good requests it wants sent again.
func newAuthority(t *testing.T, port, nonces int, accounts map[string]string) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", fmt.Sprint(nonces))
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // each order is proven anew
	silent := log.New(io.Discard, "", 0)
	a := &authority{zone: newUpdatable(t), root: x509.NewCertPool(), own: x509.NewCertPool()}
	memory := db.NewMemoryStore()
	for id, key := range accounts {
		if err := memory.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := memory.AddBlockedDomain("blocked.example"); err != nil {
		t.Fatal(err)
	}
	issuer := ca.New(silent, memory, "", "ecdsa", 0, 1, lives)
	front := wfe.New(silent, memory, va.New(silent, 1, port, false, a.zone.at, memory), issuer,
		[]string{"pebble.example"}, false, accounts != nil, 0, 0)
	handler := front.Handler()
	a.Server = httptest.NewTLSServer(http.HandlerFunc(
		func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "order-plz") {
				a.orders.Add(1)
			}
			if f := a.answer.Load(); f != nil && (*f)(w, q) {
				return
			}
			if a.broken.Load() {
				http.Error(w, "out of order", http.StatusServiceUnavailable)
				return
			}
			handler.ServeHTTP(w, q)
		}))
	t.Cleanup(a.Close)
	a.own.AddCert(a.Certificate())
	root, _ := pem.Decode(issuer.GetRootCert(0).PEM())
	if c, err := x509.ParseCertificate(root.Bytes); err != nil {
		t.Fatal(err)
	} else {
		a.root.AddCert(c)
	}
	return a
}

// says has the authority answer requests to a path by a problem.
func (a *authority) says(path string, status int, problem, detail string) {
	f := func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.Contains(q.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Replay-Nonce", "AAAA")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:%s","detail":%q,"status":%d}`, problem,
			detail, status)
		return true
	}
	a.answer.Store(&f)
}

// holdOrders has the authority answer no order until a function is called.
func (w *world) holdOrders() (release func()) {
	hold := make(chan struct{})
	f := func(_ http.ResponseWriter, q *http.Request) bool {
		if strings.Contains(q.URL.Path, "order-plz") {
			select {
			case <-hold:
			case <-q.Context().Done():
			}
		}
		return false
	}
	w.authority.answer.Store(&f)
	return func() { close(hold) }
}

// the key of updates.
var updateKey = Key{"update.", dns.HmacSHA256, []byte("a secret of the two ends")}

// updatable is a server of a zone that takes signed updates (RFC 2136), and says of any other name
// that it is on loopback.
type updatable struct {
	at string

	mu      sync.Mutex
	texts   map[string][]string
	aliases map[string]string
	taken   int // updates
	refuse  int // code of the answers to updates; 0: they are taken
	// copies is what this one is a copy of, from the time that it was asked so often.
	copies *updatable
	after  int
	asked  int // for texts
	failed int // code of the answers to questions for texts; 0: they are answered
}

func newUpdatable(t *testing.T) *updatable {
	u := &updatable{texts: map[string][]string{}, aliases: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.at = l.Addr().String()
	s := &dns.Server{Listener: l, Handler: u, TsigSecret: map[string]string{updateKey.Name: base64.
		StdEncoding.EncodeToString(updateKey.Secret)},
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown() })
	return u
}

// ServeDNS implements dns.Handler.
func (u *updatable) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	switch {
	case q.Opcode == dns.OpcodeUpdate:
		m.Rcode = u.update(w, q)
	case u.aliases[name] != "":
		m.Answer = append(m.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: name,
			Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: u.aliases[name]})
		name = u.aliases[name]
		fallthrough
	case q.Question[0].Qtype == dns.TypeTXT:
		if u.asked++; u.copies != nil && u.asked > u.after {
			u.texts = u.copies.all()
		}
		m.Rcode = u.failed
		for _, v := range u.texts[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: name,
				Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{v}})
		}
	case q.Question[0].Qtype == dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA,
			Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
	}
	if t := q.IsTsig(); t != nil && w.TsigStatus() == nil {
		m.SetTsig(t.Hdr.Name, t.Algorithm, fudge, time.Now().Unix())
	}
	_ = w.WriteMsg(m)
}

// update changes the zone, if the request is signed.
func (u *updatable) update(w dns.ResponseWriter, q *dns.Msg) int {
	if q.IsTsig() == nil || w.TsigStatus() != nil {
		return dns.RcodeNotAuth
	}
	if u.refuse != 0 {
		return u.refuse
	}
	u.taken++
	for _, rr := range q.Ns {
		r, name := rr.(*dns.TXT), strings.ToLower(rr.Header().Name)
		if !dns.IsSubDomain(q.Question[0].Name, name) { // RFC 2136, section 3.4.1.3
			return dns.RcodeNotZone
		}
		if r.Hdr.Class == dns.ClassNONE {
			u.texts[name] = slices.DeleteFunc(u.texts[name],
				func(v string) bool { return v == r.Txt[0] })
		} else {
			u.texts[name] = append(u.texts[name], r.Txt[0])
		}
	}
	return dns.RcodeSuccess
}

// all returns all texts.
func (u *updatable) all() map[string][]string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.texts)
}

// left returns how many texts are in the zone.
func (u *updatable) left() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, list := range u.texts {
		n += len(list)
	}
	return n
}

// world is a manager in front of an authority.
type world struct {
	*testing.T
	*Manager
	authority *authority
	clock     *clock.Fake
	log       *logtest.Log
	port      int
	dir       string
	settings  Settings
	servers   []netip.AddrPort // of the zone
}

// newWorld makes a world whose manager has not begun yet.
func newWorld(t *testing.T, nonces int, accounts map[string]string) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, clock: clock.NewFake(time.Now()), log: &logtest.Log{}, dir: t.TempDir(),
		port: l.Addr().(*net.TCPAddr).Port}
	w.authority = newAuthority(t, w.port, nonces, accounts)
	w.settings = Settings{Roots: pemfile.Fixed(w.authority.own), Config: Config{Agreed: true,
		Profile:   "default", // else it takes any, by chance
		Directory: w.authority.URL + wfe.DirectoryPath, Names: []string{"dns.example.com"}}}
	go w.serve(l)
	t.Cleanup(func() { l.Close() })
	return w
}

// begin starts a manager with the state that the former one has left.
func (w *world) begin() {
	w.Helper()
	w.Manager = New(Parts{Clock: w.clock, State: state.Open(w.dir, slog.New(
		slog.NewTextHandler(w.log, nil))), Log: slog.New(slog.NewTextHandler(w.log, nil)),
		LookUp: func(_ context.Context, name wire.Name) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Target: func(_ context.Context, name wire.Name) wire.Name {
			w.authority.zone.mu.Lock()
			defer w.authority.zone.mu.Unlock()
			if to := w.authority.zone.aliases[name.String()]; to != "" {
				return wire.MustParseName(to)
			}
			return name
		},
		Servers: func(context.Context, wire.Name) []netip.AddrPort { return w.servers }})
	w.Use(w.settings)
	w.Start()
	w.Cleanup(w.Close)
}

// serve proves to the authority what it wants proven.
func (w *world) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = tls.Server(c, &tls.Config{NextProtos: []string{"acme-tls/1"},
				GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					return w.Challenge(h.ServerName), nil
				}}).Handshake()
		}()
	}
}

// patience is how long an order may take that takes a moment when all is well.
const patience = 3 * time.Minute

// until waits for what happens by itself.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%s: it has not come; %+v\n%s", what, w.Status(), w.log.String())
		}
	}
}

// issued waits for a certificate other than a former one, and verifies that it is the authority's
// and for all names and addresses.
func (w *world) issued(former *tls.Certificate) *tls.Certificate {
	w.Helper()
	w.until("a certificate", func() bool {
		all := w.All()
		return len(all) > 0 && (former == nil || !all[0].Leaf.Equal(former.Leaf)) &&
			!w.Status().Ordering
	})
	c := w.All()[0]
	between := x509.NewCertPool()
	for _, der := range c.Certificate[1:] {
		if k, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(k)
		}
	}
	for _, name := range w.settings.identifiers() {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: w.authority.root,
			Intermediates: between, DNSName: strings.Replace(name, "*", "any", 1)}); err != nil {
			w.Errorf("%s: %v", name, err)
		}
	}
	return c
}

// fails waits for an order that fails.
func (w *world) fails(o Outcome, text string) Status {
	w.Helper()
	w.until("a failure", func() bool { return w.Status().Failures > 0 && !w.Status().Ordering })
	s := w.Status()
	if s.Outcome != o || !strings.Contains(s.Problem, text) || w.Count(o) == 0 {
		w.Errorf("%s: %s, want %s with %q", s.Outcome.Label(), s.Problem, o.Label(), text)
	}
	return s
}
