// What a report is, and how it is played.

package fieldreports

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// report is a situation that was met with some DNS software.
type report struct {
	name      string // what holds, as the name of the subtest
	seen      string // where it is told: project and number
	situation string
	why       string // the answers are right
	world     func(*lab.World)
	config    func(*resolver.Config)
	serving   func(*server.Config)
	trusting  func(*trustanchor.Set)
	anchored  []string // zones whose keys are configured beside the root's
	viewing   func(*policy.View)
	steps     []step
}

// step is a client's query and what has to come of it. Steps of a report share a cache.
type step struct {
	ask    string             // name and type
	change func(*dns.Msg)     // of the query, which has RD and EDNS with DO
	packet []byte             // in place of ask: what is sent, as it is
	over   transport.Protocol // UDP unless something else is said
	after  time.Duration      // since the step before

	want      string   // RCODE, and those flags of AA, TC and AD that are set; "silence"
	answer    []string // the section without TTLs and signatures, in order
	authority []string // the same; nil: whatever it is
	nothing   bool     // with answer nil: the answer section is not looked at
	cause     cause.Cause
	check     func(*testing.T, *dns.Msg)
	multiple  int // of which the length of the answer is

	most   int      // packets upstream; 0: any number; noPackets: none
	asked  []string // questions that are among them, as "server-zone name type [TCP]"
	spared []string // questions that are not
}

const noPackets = -1

// good is a step that ends with data.
func good(ask, want string, answer ...string) step {
	return step{ask: ask, want: want, answer: answer}
}

// empty is a step that ends without data.
func empty(ask, want string) step { return step{ask: ask, want: want} }

// fails is a step that ends in SERVFAIL for a reason.
func fails(ask string, c cause.Cause) step { return step{ask: ask, want: "SERVFAIL", cause: c} }

func (s step) with(change func(*dns.Msg)) step               { s.change = change; return s }
func (s step) checked(check func(*testing.T, *dns.Msg)) step { s.check = check; return s }
func (s step) packets(most int) step                         { s.most = most; return s }
func (s step) later(d time.Duration) step                    { s.after = d; return s }
func (s step) asking(q ...string) step                       { s.asked = q; return s }
func (s step) sparing(q ...string) step                      { s.spared = q; return s }

// play runs each report in a world and a time of its own.
func play(t *testing.T, reports []report) {
	for _, r := range reports {
		t.Run(r.name, func(t *testing.T) {
			if r.seen == "" || r.situation == "" || r.why == "" {
				t.Error("the report does not say where it was seen, what it is or what is right")
			}
			synctest.Test(t, func(t *testing.T) { r.play(t) })
		})
	}
}

func (r *report) play(t *testing.T) {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	r.world(w)
	f := newFront(t, w, r)
	defer f.close()
	for i, s := range r.steps {
		time.Sleep(s.after)
		w.Transcript()
		f.failed = cause.None
		m := f.send(t, s)
		asked := transcript(w)
		if !s.holds(t, i, m, f.failed, asked) {
			t.Logf("step %d, upstream:\n%s", i, strings.Join(asked, "\n"))
		}
	}
}

// holds compares what came of a step with what has to.
func (s step) holds(t *testing.T, i int, m *dns.Msg, failed cause.Cause, asked []string) bool {
	ok := true
	differs := func(what string, got, want any) {
		t.Errorf("step %d, %s: %s is %v, want %v", i, s.ask, what, got, want)
		ok = false
	}
	if got := headerOf(m); got != s.want {
		differs("the header", got, s.want)
	}
	if m != nil && !s.nothing {
		if got := records(m.Answer); !slices.EqualFunc(got, s.answer, matches) {
			differs("the answer", got, s.answer)
		}
		if got := records(m.Ns); s.authority != nil &&
			!slices.EqualFunc(got, s.authority, matches) {
			differs("the authority section", got, s.authority)
		}
	}
	if failed != s.cause {
		differs("the cause", failed, s.cause)
	}
	if code, has := failed.EDE(); has && m != nil && m.IsEdns0() != nil &&
		!slices.Contains(errorsOf(m), code) {
		differs("the Extended DNS Error", errorsOf(m), code)
	}
	if n := len(asked); s.most > 0 && n > s.most || s.most == noPackets && n > 0 {
		differs("the number of packets", n, s.most)
	}
	for _, q := range s.asked {
		if !slices.Contains(asked, q) {
			differs("the transcript", "without "+q, "with it")
		}
	}
	for _, q := range s.spared {
		if slices.Contains(asked, q) {
			differs("the transcript", "with "+q, "without it")
		}
	}
	if m != nil && s.check != nil {
		s.check(t, m)
	}
	return ok && !t.Failed()
}

// errorsOf returns the Extended DNS Errors of a message (RFC 8914).
func errorsOf(m *dns.Msg) (codes []uint16) {
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			codes = append(codes, e.InfoCode)
		}
	}
	return codes
}

// matches compares a record with what it has to be, of which * may be the end.
func matches(got, want string) bool {
	if start, ok := strings.CutSuffix(want, "*"); ok && !strings.HasPrefix(want, "*") {
		return strings.HasPrefix(got, start)
	}
	return got == want
}

// headerOf returns what steps want of a message's header.
func headerOf(m *dns.Msg) string {
	if m == nil {
		return "silence"
	}
	s := dns.RcodeToString[m.Rcode]
	if m.Rcode == dns.RcodeBadVers { // the number is TSIG's BADSIG too
		s = "BADVERS"
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "AA"}, {m.Truncated, "TC"}, {m.AuthenticatedData, "AD"}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s
}

// records returns a section's records without TTLs, classes and signatures.
func records(section []dns.RR) (out []string) {
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype == dns.TypeRRSIG && len(section) > 1 {
			continue
		}
		data := strings.TrimPrefix(rr.String(), h.String())
		if u, ok := rr.(*dns.RFC3597); ok {
			data = fmt.Sprintf(`\# %d %s`, len(u.Rdata)/2, u.Rdata)
		}
		out = append(out, strings.TrimSpace(h.Name+" "+dns.Type(h.Rrtype).String()+" "+data))
	}
	return out
}

// transcript returns the questions that servers received, with the zone that each server was made
// for.
func transcript(w *lab.World) (out []string) {
	of := map[netip.Addr]string{}
	for _, z := range append([]string{".", "example."}, w.Zones()...) {
		if a := w.AddressOf(z); of[a] == "" {
			of[a] = z
		}
	}
	for _, e := range w.Transcript() {
		zone := of[e.Server]
		if zone == "" {
			zone = e.Server.String()
		}
		q := zone + " " + e.Name + " " + e.Type
		if e.TCP {
			q += " TCP"
		}
		out = append(out, q)
	}
	return out
}

// front is a server in front of a world. It is an Observer, and remembers why it failed.
type front struct {
	labtest.Observer
	*server.Handler
	server   *server.Server
	resolver *resolver.Resolver

	mu     sync.Mutex
	failed cause.Cause // guarded by mu
}

// ServFail implements server.Observer.
func (f *front) ServFail(c cause.Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = c
}

func newFront(t *testing.T, w *lab.World, r *report) *front {
	rc, anchors := labtest.Resolver(w)
	rc.Prime, rc.Prefetch = false, false
	if r.config != nil {
		r.config(&rc)
	}
	if r.trusting != nil {
		r.trusting(anchors)
	}
	for _, zone := range r.anchored {
		if err := anchors.Add(w.AnchorOf(zone)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rc.Zones {
		if z := &rc.Zones[i]; len(z.Addrs) == 0 {
			z.Addrs = []netip.AddrPort{netip.AddrPortFrom(w.AddressOf(z.Name.String()), 53)}
		}
	}
	sc := server.Default()
	sc.Rotate = false
	if r.serving != nil {
		r.serving(&sc)
	}
	store := cache.New(cache.Default())
	f := &front{}
	f.resolver = resolver.New(rc, resolver.Parts{Cache: store, Anchors: anchors, Exchanger: w,
		Clock: clock.Real{}})
	f.server = server.New(sc, server.Parts{Resolver: f.resolver, Cache: store, Clock: clock.Real{},
		Observer: f, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	view := &policy.View{}
	if r.viewing != nil {
		r.viewing(view)
	}
	f.Handler = f.server.Handler(policy.NewACL(policy.Default().Access.Rules()), view)
	return f
}

func (f *front) close() {
	f.resolver.Close()
	f.server.Close()
}

// send sends a step's query, and returns the answer; nil for silence.
func (f *front) send(t *testing.T, s step) *dns.Msg {
	packet := s.packet
	if packet == nil {
		packet = query(t, s)
	}
	c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"), Protocol: s.over}
	reply, pending := f.Handle(packet, c, make([]byte, 0, 65535))
	if pending != nil {
		done := make(chan []byte, 1)
		pending.Resolve(context.Background(), func(b []byte) { done <- slices.Clone(b) })
		reply = <-done
	}
	synctest.Wait()
	if reply == nil {
		return nil
	}
	if s.multiple > 0 && len(reply)%s.multiple != 0 {
		t.Errorf("%s: %d octets are not a multiple of %d", s.ask, len(reply), s.multiple)
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		t.Fatalf("%s: the answer is malformed: %v", s.ask, err)
	}
	if m.Id != uint16(packet[0])<<8|uint16(packet[1]) || !m.Response {
		t.Errorf("%s: ID %d, QR %v", s.ask, m.Id, m.Response)
	}
	return m
}

// query makes the query that a step asks.
func query(t *testing.T, s step) []byte {
	name, typ, _ := strings.Cut(s.ask, " ")
	n, ok := dns.StringToType[typ]
	if _, err := fmt.Sscanf(typ, "TYPE%d", &n); err != nil && !ok {
		t.Fatalf("%q is not a question", s.ask)
	}
	q := new(dns.Msg).SetQuestion(name, n)
	q.SetEdns0(1232, true)
	if s.change != nil {
		s.change(q)
	}
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// noDO is a query without DO and with AD, as most stub resolvers send it.
func noDO(m *dns.Msg) {
	m.AuthenticatedData = true
	m.SetEdns0(1232, false)
	m.Extra = m.Extra[len(m.Extra)-1:]
}

// noAD is a query without DO and AD, as those from before DNSSEC.
func noAD(m *dns.Msg) {
	noDO(m)
	m.AuthenticatedData = false
}

// noEDNS is a query without EDNS.
func noEDNS(m *dns.Msg) { m.Extra = nil }

// cd is a query with CD.
func cd(m *dns.Msg) { m.CheckingDisabled = true }

// script changes what the servers of a zone reply; change reports whether it did.
func script(w *lab.World, zone string, change func(lab.Incoming, *dns.Msg) bool) {
	earlier := w.Script
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server == w.AddressOf(zone) {
			if m := in.Honest(); m != nil && change(in, m) {
				return lab.Messages(m), true
			}
		}
		if earlier != nil {
			return earlier(in)
		}
		return lab.Reply{}, false
	}
}

// is reports whether a question is of a name and a type, whatever its letter case.
func is(in lab.Incoming, name string, t uint16) bool {
	q := in.Question()
	return strings.EqualFold(q.Name, name) && q.Qtype == t
}

// rr parses a record.
func rr(s string) dns.RR {
	r, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return r
}

// unsigned adds a zone without signatures.
func unsigned(w *lab.World, name, records string) {
	w.Add(lab.Zone{Name: name, Algorithm: lab.Unsigned, Records: records})
}

// signed adds a zone with signatures, and NSEC.
func signed(w *lab.World, name, records string) { w.Add(lab.Zone{Name: name, Records: records}) }

// forward makes a zone's first server a forwarder for it.
func forward(zone string) func(*resolver.Config) { return configured(zone, true) }

func configured(zone string, forward bool) func(*resolver.Config) {
	return func(c *resolver.Config) {
		c.Zones = append(c.Zones, resolver.Zone{Name: wire.MustParseName(zone), Forward: forward})
	}
}
