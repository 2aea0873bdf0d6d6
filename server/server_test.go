package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// quiet is an Observer that remembers the causes of SERVFAIL.
type quiet struct {
	labtest.Observer
	mu      sync.Mutex
	causes  []cause.Cause
	refused []cause.Cause
	queries atomic.Int64
	hits    int
	private int // answers refused for their addresses
	// unvalidated are the causes of what did not verify and was served.
	unvalidated []cause.Cause
	stale       atomic.Int64
}

func (q *quiet) Query(transport.Protocol, wire.Type) { q.queries.Add(1) }
func (q *quiet) Response(o event.Served) {
	if o.Origin == event.OriginPrepared {
		q.hits++
	}
}
func (q *quiet) ServFail(c cause.Cause) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.causes = append(q.causes, c)
}
func (q *quiet) Unvalidated(c cause.Cause)  { q.unvalidated = append(q.unvalidated, c) }
func (q *quiet) PrivateAnswer()             { q.private++ }
func (q *quiet) Stale(resolver.StaleReason) { q.stale.Add(1) }
func (q *quiet) Refused(c cause.Cause) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refused = append(q.refused, c)
}

// front is a server in front of the lab.
type front struct {
	*server.Handler
	server   *server.Server
	resolver *resolver.Resolver
	store    *cache.Store
	t        testing.TB
	seen     *quiet
	clock    *clock.Fake
	own      *policy.View // of the helpers that make one
	world    *lab.World
}

func newFront(t testing.TB, change func(*server.Config)) *front {
	t.Helper()
	return newFrontWith(t, change, func(*resolver.Config) {})
}

func newFrontWith(t testing.TB, change func(*server.Config),
	resolving func(*resolver.Config)) *front {
	t.Helper()
	q := &quiet{}
	f := newFrontAll(t, change, resolving, q)
	f.seen = q
	return f
}

func newFrontObserved(t testing.TB, o server.Observer) *front {
	t.Helper()
	return newFrontAll(t, nil, func(*resolver.Config) {}, o)
}

func newFrontAll(t testing.TB, change func(*server.Config), resolving func(*resolver.Config),
	q server.Observer, parts ...func(*resolver.Parts)) *front {
	t.Helper()
	return newFrontLogged(t, slog.New(slog.NewTextHandler(io.Discard, nil)), change, resolving, q,
		parts...)
}

func newFrontLogged(t testing.TB, log *slog.Logger, change func(*server.Config),
	resolving func(*resolver.Config), q server.Observer,
	parts ...func(*resolver.Parts)) *front {
	t.Helper()
	clk := clock.NewFake(time.Now())
	w := lab.Internet(clk.Now())
	store := cache.New(cache.Default())
	rc, anchors := labtest.Resolver(w)
	rc.Prime, rc.Prefetch = false, false
	resolving(&rc)
	p := resolver.Parts{Cache: store, Anchors: anchors, Exchanger: w, Clock: clk,
		Events: event.NewLog(log)}
	if !log.Enabled(t.Context(), slog.LevelDebug) {
		p.Events = nil
	}
	for _, replace := range parts {
		replace(&p)
	}
	r := resolver.New(rc, p)
	cfg := server.Default()
	cfg.Rotate, cfg.Special = false, false // the tests of these switch them on
	cfg.Identity, cfg.NSID = "here", []byte("one")
	if change != nil {
		change(&cfg)
	}
	s := server.New(cfg, server.Parts{Resolver: r, Cache: store, Clock: clk, Observer: q,
		Events: p.Events, Guard: p.Guard, Rest: p.Rest, Log: log})
	f := &front{s.Handler(private(), &policy.View{}), s, r, store, t, nil, clk, nil, w}
	t.Cleanup(f.close)
	return f
}

// close ends the queries in work.
func (f *front) close() {
	f.resolver.Close()
	f.server.Close()
}

// private allows this machine and private networks.
func private() *policy.ACL {
	return policy.NewACL(policy.Default().Access.Rules())
}

// exchange handles a packet as a listener does; nil means no response.
func (f *front) exchange(packet []byte, from string, p transport.Protocol) []byte {
	f.t.Helper()
	c := transport.Client{Addr: netip.MustParseAddrPort(from), Protocol: p}
	done := make(chan []byte, 1)
	f.handle(packet, c, func(b []byte) { done <- bytes.Clone(b) })
	select {
	case b := <-done:
		return b
	case <-time.After(20 * time.Second):
		f.t.Fatal("no answer")
		return nil
	}
}

// handle handles a packet; the response comes at once or later.
func (f *front) handle(packet []byte, c transport.Client, reply func([]byte)) {
	answer, pending := f.Handle(packet, c, make([]byte, 0, 4096))
	if pending == nil {
		reply(answer)
		return
	}
	pending.Resolve(context.Background(), reply)
}

// forget drops all prepared answers.
func (f *front) forget() {
	f.store.Answers.RemoveFunc(func(cache.AnswerKey, *cache.Answer) bool { return true })
}

// ask sends a query and checks the response as a client does.
func (f *front) ask(name string, t uint16, change func(*dns.Msg)) *dns.Msg {
	f.t.Helper()
	return f.askFrom("127.0.0.1:1000", transport.UDP, name, t, change)
}

func (f *front) askFrom(from string, p transport.Protocol, name string, t uint16,
	change func(*dns.Msg)) *dns.Msg {
	f.t.Helper()
	q := new(dns.Msg).SetQuestion(name, t)
	if change != nil {
		change(q)
	}
	packet, err := q.Pack()
	if err != nil {
		f.t.Fatal(err)
	}
	reply := f.exchange(packet, from, p)
	if reply == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		f.t.Fatalf("%s: the answer is malformed: %v", name, err)
	}
	m.Compress = true // for Len
	if m.Id != q.Id || !m.Response {
		f.t.Errorf("%s: ID %d, QR %v", name, m.Id, m.Response)
	}
	return m
}

func edns(do bool, opts ...dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) {
		m.SetEdns0(4096, do)
		m.IsEdns0().Option = opts
	}
}

// ede returns the Extended DNS Errors of an answer.
func ede(m *dns.Msg) (codes []uint16, text string) {
	if o := m.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_EDE); ok {
				codes, text = append(codes, e.InfoCode), text+e.ExtraText
			}
		}
	}
	return codes, text
}

// AD, CD and DO (RFC 4035, section 3.2; RFC 6840, sections 5.7 to 5.9), on the slow path and then
// on the fast one.
func TestRFC6840ADIsForWhoAsks(t *testing.T) {
	f := newFront(t, nil)
	for _, c := range []struct {
		name   string
		change func(*dns.Msg)
		rcode  int
		ad     bool
		sigs   bool
	}{
		{"www.secure.example.", nil, dns.RcodeSuccess, false, false},
		{"www.secure.example.", func(m *dns.Msg) { m.AuthenticatedData = true }, dns.RcodeSuccess,
			true, false},
		{"www.secure.example.", edns(false), dns.RcodeSuccess, false, false},
		{"www.secure.example.", edns(true), dns.RcodeSuccess, true, true},
		{"www.secure.example.", func(m *dns.Msg) { edns(true)(m); m.CheckingDisabled = true },
			dns.RcodeSuccess, false, true},
		{"www.unsigned.example.", edns(true), dns.RcodeSuccess, false, false},
		{"www.expired.faulty.", edns(true), dns.RcodeServerFailure, false, false},
		{"www.expired.faulty.", func(m *dns.Msg) { edns(true)(m); m.CheckingDisabled = true },
			dns.RcodeSuccess, false, true},
	} {
		for range 2 {
			m := f.ask(c.name, dns.TypeA, c.change)
			sigs := false
			for _, rr := range m.Answer {
				sigs = sigs || rr.Header().Rrtype == dns.TypeRRSIG
			}
			if m.Rcode != c.rcode || m.AuthenticatedData != c.ad || sigs != c.sigs ||
				!m.RecursionAvailable || !m.RecursionDesired || m.Authoritative {
				t.Errorf("%s: got\n%v\nwant rcode %d, AD %v, RRSIG %v", c.name, m, c.rcode, c.ad,
					c.sigs)
			}
		}
	}
	if f.seen.hits < 4 {
		t.Errorf("%d answers from the fast path", f.seen.hits)
	}
}

// Responses to queries that are refused.
func TestRefusals(t *testing.T) {
	f := newFront(t, nil)
	ch := func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }
	for _, c := range []struct {
		what   string
		name   string
		qtype  uint16
		change func(*dns.Msg)
		rcode  int
		ede    int // -1: none
	}{
		{"zone transfer", "example.", dns.TypeAXFR, edns(false), dns.RcodeRefused, 21},
		{"no recursion wanted", "www.secure.example.", dns.TypeA,
			func(m *dns.Msg) { edns(false)(m); m.RecursionDesired = false }, dns.RcodeRefused, 20},
		{"class CHAOS, unknown", "foo.bind.", dns.TypeTXT, ch, dns.RcodeRefused, -1},
		{"class CHAOS, hidden", "version.bind.", dns.TypeTXT, ch, dns.RcodeRefused, -1},
		{"class HESIOD", "example.", dns.TypeA,
			func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassHESIOD }, dns.RcodeRefused, -1},
		{"NOTIFY", "example.", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
			dns.RcodeNotImplemented, -1},
		{"UPDATE", "example.", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate },
			dns.RcodeNotImplemented, -1},
		{"two questions", "example.", dns.TypeA, func(m *dns.Msg) {
			m.Question = append(m.Question,
				m.Question[0])
		}, dns.RcodeFormatError, -1},
		{"no question", "example.", dns.TypeA, func(m *dns.Msg) { m.Question = nil },
			dns.RcodeFormatError, -1},
		{"OPT as a question", "example.", dns.TypeOPT, nil, dns.RcodeFormatError, -1},
		{"MAILB", "example.", dns.TypeMAILB, nil, dns.RcodeNotImplemented, -1},
		{"EDNS version 1", "example.", dns.TypeA,
			func(m *dns.Msg) { edns(false)(m); m.IsEdns0().SetVersion(1) }, dns.RcodeBadVers, -1},
		{"malformed cookie", "example.", dns.TypeA, edns(false,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102"}), dns.RcodeFormatError, -1},
	} {
		m := f.ask(c.name, c.qtype, c.change)
		codes, _ := ede(m)
		if m.Rcode != c.rcode && !(c.rcode == dns.RcodeBadVers && m.Rcode&15 == 0) || c.ede >= 0 &&
			(len(codes) != 1 || int(codes[0]) != c.ede) {
			t.Errorf("%s: got\n%v\nwant rcode %d, EDE %d", c.what, m, c.rcode, c.ede)
		}
	}
	m := f.ask("id.server.", dns.TypeTXT, ch)
	if len(m.Answer) != 1 || !strings.Contains(m.Answer[0].String(), "here") {
		t.Errorf("id.server: %v", m)
	}
}

func TestACLDecidesWhoIsAnswered(t *testing.T) {
	f := newFront(t, nil)
	f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{
		{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow},
		{Net: netip.MustParsePrefix("203.0.113.0/24"), Action: policy.Drop}}), &policy.View{})
	f.ask("www.secure.example.", dns.TypeA, nil)
	m := f.askFrom("192.0.2.1:53", transport.UDP, "www.secure.example.", dns.TypeA, edns(false))
	if codes, text := ede(m); m.Rcode != dns.RcodeRefused || len(m.Answer) > 0 || len(codes) != 1 ||
		codes[0] != 18 || !strings.Contains(text, "192.0.2.1") {
		t.Errorf("a stranger hears\n%v", m)
	}
	if m := f.askFrom("203.0.113.1:53", transport.UDP, "www.secure.example.", dns.TypeA,
		nil); m != nil {
		t.Errorf("who is dropped hears\n%v", m)
	}
}

// Every octet string gets a response or none, never a crash; a response is never answered.
func TestRFC1035AnswersAreNotAnswered(t *testing.T) {
	f := newFront(t, nil)
	q, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	for i := wire.HeaderLen; i < len(q); i++ {
		if r := f.exchange(q[:i], "127.0.0.1:1", transport.UDP); r == nil ||
			r[3]&15 != dns.RcodeFormatError {
			t.Errorf("the first %d octets: %x", i, r)
		}
	}
	q[2] |= 0x80
	if r := f.exchange(q, "127.0.0.1:1", transport.UDP); r != nil {
		t.Errorf("an answer is answered: %x", r)
	}
}

// The answer echoes the question's letter case, on both paths (0x20).
func TestLetterCase(t *testing.T) {
	f := newFront(t, nil)
	for range 2 {
		if m := f.ask("WwW.SeCuRe.ExAmPlE.", dns.TypeA,
			nil); m.Question[0].Name != "WwW.SeCuRe.ExAmPlE." ||
			m.Answer[0].Header().Name != "WwW.SeCuRe.ExAmPlE." {
			t.Errorf("got %v", m)
		}
	}
}

func TestRFC6891SizeThatTheClientTakes(t *testing.T) {
	f := newFront(t, nil)
	for range 2 {
		m := f.ask("secure.example.", dns.TypeDNSKEY, func(m *dns.Msg) { m.SetEdns0(512, true) })
		if m.Truncated != (len(m.Answer) == 0) || m.Len() > 512 {
			t.Errorf("%d octets, %d records, TC %v", m.Len(), len(m.Answer), m.Truncated)
		}
		long := f.ask("no.nsec3.example.", dns.TypeA, func(m *dns.Msg) { m.SetEdns0(512, true) })
		if !long.Truncated || long.Len() > 512 {
			t.Errorf("a proof of %d octets: TC %v", long.Len(), long.Truncated)
		}
		whole := f.askFrom("127.0.0.1:1", transport.TCP, "no.nsec3.example.", dns.TypeA,
			func(m *dns.Msg) { m.SetEdns0(512, true) })
		if whole.Truncated || whole.Rcode != dns.RcodeNameError || len(whole.Ns) < 6 {
			t.Errorf("over TCP: %v", whole)
		}
	}
}

// RFC 2308: a denial has the SOA; the proofs are for clients that set DO.
func TestRFC4035ProofsAreForWhoSetsDO(t *testing.T) {
	f := newFront(t, nil)
	for range 2 {
		m := f.ask("no.secure.example.", dns.TypeA, nil)
		if m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 ||
			m.Ns[0].Header().Rrtype != dns.TypeSOA || m.Ns[0].Header().Ttl > 60 {
			t.Errorf("without DO: %v", m)
		}
		if m := f.ask("no.secure.example.", dns.TypeA, edns(true)); !m.AuthenticatedData ||
			len(m.Ns) < 4 {
			t.Errorf("with DO: %v", m)
		}
	}
}

// TTLs count down on the fast path, and an answer ends with the shortest TTL.
func TestRFC1035TTLsCountDown(t *testing.T) {
	f := newFront(t, nil)
	began := f.clock.Now()
	first := f.ask("www.secure.example.", dns.TypeA, nil).Answer[0].Header().Ttl
	for _, after := range []uint32{100, 100, 101, 150} { // prepared from the second on
		f.clock.Advance(time.Duration(after)*time.Second - f.clock.Now().Sub(began))
		got := f.ask("www.secure.example.", dns.TypeA, nil).Answer[0].Header().Ttl
		if got != first-after {
			t.Errorf("TTL %d after %d s, %d before", got, after, first)
		}
	}
	f.clock.Advance(200 * time.Second)
	if got := f.ask("www.secure.example.", dns.TypeA, nil).Answer[0].Header().Ttl; got != first {
		t.Errorf("TTL %d after the end, want it resolved anew", got)
	}
}

// Clients get the zone at fault and the cause (RFC 8914), with SERVFAIL and with answers that are
// insecure for a reason.
func TestExtendedErrors(t *testing.T) {
	f := newFront(t, nil)
	for name, want := range map[string]uint16{"www.expired.faulty.": 7, "www.future.faulty.": 8,
		"www.ds-mismatch.faulty.": 9, "www.missing-signatures.faulty.": 10,
		"no.no-denial.faulty.": 12, "www.corrupt-signatures.faulty.": 6, "www.refusing.faulty.": 22,
		"www.algorithm.faulty.": 1, "www.digest.faulty.": 2, "no.iterations.faulty.": 27} {
		for range 2 {
			codes, text := ede(f.ask(name, dns.TypeA, edns(false)))
			if len(codes) == 0 || codes[0] != want || !strings.Contains(text, "faulty.") {
				t.Errorf("%s: EDE %v %q, want %d and the zone", name, codes, text, want)
			}
		}
		if codes, _ := ede(f.ask(name, dns.TypeA, nil)); len(codes) != 0 {
			t.Errorf("%s: an option for a client without EDNS", name)
		}
	}
	if len(f.seen.causes) == 0 {
		t.Error("SERVFAIL is not counted by cause")
	}
}

// RFC 7873, section 5.2 and RFC 9018: a client cookie is answered with a server cookie, which is
// kept while it is new and replaced when it is old.
func TestCookies(t *testing.T) {
	f := newFront(t, nil)
	cookie := func(c string) string {
		m := f.ask("www.secure.example.", dns.TypeA, edns(false,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c}))
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
		return ""
	}
	first := cookie("0102030405060708")
	if len(first) != 48 || first[:16] != "0102030405060708" || first[16:18] != "01" {
		t.Fatalf("got %q", first)
	}
	f.clock.Advance(time.Minute)
	if again := cookie(first); again != first {
		t.Errorf("a fresh cookie is replaced by %q", again)
	}
	f.clock.Advance(2 * time.Hour)
	if again := cookie(first); again == first || len(again) != 48 {
		t.Errorf("an old cookie is answered with %q", again)
	}
}

func TestNSID(t *testing.T) {
	f := newFront(t, nil)
	m := f.ask("www.secure.example.", dns.TypeA, edns(false, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}))
	if !strings.Contains(m.IsEdns0().String(), "6f6e65") {
		t.Errorf("got %v", m.IsEdns0())
	}
}

// RFC 8482: over UDP the answer to ANY has one set, over TCP all.
func TestRFC8482ANYOverUDPIsShort(t *testing.T) {
	f := newFront(t, nil)
	types := func(m *dns.Msg) map[uint16]bool {
		ts := map[uint16]bool{}
		for _, rr := range m.Answer {
			if rr.Header().Rrtype != dns.TypeRRSIG {
				ts[rr.Header().Rrtype] = true
			}
		}
		return ts
	}
	if m := f.ask("www.secure.example.", dns.TypeANY, edns(true)); len(types(m)) != 1 ||
		!m.AuthenticatedData {
		t.Errorf("over UDP: %v", m)
	}
	if m := f.askFrom("127.0.0.1:1", transport.TCP, "www.secure.example.", dns.TypeANY,
		edns(true)); len(types(m)) < 2 || !m.AuthenticatedData {
		t.Errorf("over TCP: %v", m)
	}
	// Below a DNAME the name has a CNAME, which clients that know no DNAME follow (RFC 6672,
	// section 3.1).
	if m := f.ask("leaf.tree.secure.example.", dns.TypeANY, edns(true)); len(types(m)) != 2 ||
		!types(m)[dns.TypeCNAME] || !types(m)[dns.TypeDNAME] {
		t.Errorf("below a DNAME: %v", m)
	}
}

// RFC 8482, section 4.1: which set of an answer to ANY is left does not depend on the order in
// which the servers send them, and it is one that programs look for (NLnetLabs/nsd 22).
func TestRFC8482WhatANYLeavesIsOfUse(t *testing.T) {
	for name, want := range map[string]uint16{
		"rich.example.":       dns.TypeA,
		"mail.rich.example.":  dns.TypeMX,
		"keys.rich.example.":  dns.TypeSSHFP,
		"rich6.rich.example.": dns.TypeAAAA,
		"bare.rich.example.":  dns.TypeSOA,
	} {
		for range 5 { // the lab's order is another each time
			f := newFront(t, nil)
			f.world.Add(lab.Zone{Name: "rich.example.", Records: "@ A 192.0.2.1;;@ MX 10 mail;;" +
				"@ TXT much;;@ AAAA 2001:db8::1;;mail TXT spf;;mail MX 0 .;;" +
				"keys SSHFP 1 1 123456789abcdef67890123456789abcdef67890;;" +
				"rich6 AAAA 2001:db8::1;;rich6 TXT text"})
			f.world.Add(lab.Zone{Name: "bare.rich.example."})
			m := f.ask(name, dns.TypeANY, nil)
			if len(m.Answer) == 0 || m.Answer[0].Header().Rrtype != want {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// RFC 8509: only names that test our trust anchors are changed.
func TestSentinelLeavesOthersAlone(t *testing.T) {
	f := newFront(t, nil)
	if m := f.ask("root-key-sentinel-is-ta-99999.wild.secure.example.", dns.TypeA,
		nil); m.Rcode != dns.RcodeSuccess {
		t.Errorf("a tag that is not a number: %v", m)
	}
	if m := f.ask("root-key-sentinel-is-ta-00001.wild.secure.example.", dns.TypeA,
		nil); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("is-ta of an anchor that we have not: %v", m)
	}
	if m := f.ask("root-key-sentinel-not-ta-00001.wild.secure.example.", dns.TypeA,
		nil); m.Rcode != dns.RcodeSuccess {
		t.Errorf("not-ta of an anchor that we have not: %v", m)
	}
}

// RFC 6761 and RFC 6303: questions about some names are never sent to other servers.
func TestSpecialNames(t *testing.T) {
	f := newFront(t, func(c *server.Config) { c.Special = true })
	for range 2 {
		if m := f.ask("localhost.", dns.TypeA, edns(true)); m.Rcode != dns.RcodeSuccess ||
			len(m.Answer) != 1 || m.AuthenticatedData {
			t.Errorf("localhost: %v", m)
		}
		if m := f.ask("1.1.168.192.in-addr.arpa.", dns.TypePTR,
			nil); m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 {
			t.Errorf("a private address: %v", m)
		}
	}
}

func TestFastAllocatesNothing(t *testing.T) {
	f := newFront(t, nil)
	f.ask("www.secure.example.", dns.TypeA, edns(true))
	f.ask("www.secure.example.", dns.TypeA, edns(true)) // the second query has its answer prepared
	q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	q.SetEdns0(1232, true)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(200, func() {
		if reply, _ := f.Handle(packet, client, buf); reply == nil {
			t.Fatal("not ready")
		}
	}); n != 0 {
		t.Errorf("%v allocations a hit", n)
	}
}

func TestCloseAnswersThoseWhoWait(t *testing.T) {
	f := newFront(t, nil)
	q, err := new(dns.Msg).SetQuestion("www.dead.faulty.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan []byte, 1)
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	f.handle(q, client, func(b []byte) { done <- b })
	f.close()
	if b := <-done; len(b) == 0 || b[3]&15 != dns.RcodeServerFailure {
		t.Errorf("got %x", b)
	}
}

// A client that asks for the timeout of a connection that is about to end hears of none: it closes
// the connection once it has its answers (RFC 7828, section 3.4), and no query is lost.
func TestRFC7828ConnectionThatEndsHasNoTimeout(t *testing.T) {
	f := newFront(t, nil)
	for _, ends := range []bool{false, true} {
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).SetEdns0(1232, false)
		q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}}
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		done, answer := make(chan []byte, 1), new(dns.Msg)
		f.handle(packet, transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1"),
			Protocol: transport.TCP, Idle: 100, Ends: ends}, func(b []byte) { done <- b })
		if err := answer.Unpack(<-done); err != nil {
			t.Fatal(err)
		}
		o, ok := answer.IsEdns0().Option[0].(*dns.EDNS0_TCP_KEEPALIVE)
		if want := map[bool]uint16{false: 100}[ends]; !ok || o.Timeout != want {
			t.Errorf("ends %v: %v, want a timeout of %d", ends, o, want)
		}
	}
}

// Padding and keepalive, by transport and by the client's options; the fast path and the slow path
// do the same.
func TestTransportOptions(t *testing.T) {
	f := newFront(t, nil)
	for _, c := range []struct {
		name             string
		protocol         transport.Protocol
		idle             uint16
		padding, asks    bool
		padded, answered bool
	}{
		{"UDP pads nothing", transport.UDP, 0, true, true, false, false},
		{"TCP tells its time", transport.TCP, 100, true, true, false, true},
		{"TCP, not asked", transport.TCP, 100, false, false, false, false},
		{"DoT pads", transport.DoT, 100, true, true, true, true},
		{"DoT, not asked", transport.DoT, 100, false, false, false, false},
		{"DoH pads", transport.DoH, 0, true, true, true, false},
		{"DoQ always pads", transport.DoQ, 0, false, false, true, false},
	} {
		for _, name := range []string{"www.secure.example.", "no.secure.example."} {
			q := new(dns.Msg).SetQuestion(name, dns.TypeA)
			q.SetEdns0(1232, true)
			o := q.IsEdns0()
			if c.padding {
				o.Option = append(o.Option, &dns.EDNS0_PADDING{Padding: make([]byte, 30)})
			}
			if c.asks {
				o.Option = append(o.Option, &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE})
			}
			packet, err := q.Pack()
			if err != nil {
				t.Fatal(err)
			}
			from := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1"),
				Protocol: c.protocol, Idle: c.idle}
			var slow []byte
			for range 2 { // the second is prepared
				done := make(chan []byte, 1)
				f.handle(packet, from, func(b []byte) { done <- b })
				slow = <-done
			}
			if !f.Prepared(packet, from) {
				t.Errorf("%s, %s: nothing is prepared", c.name, name)
			}
			fast, _ := f.Handle(packet, from, nil)
			if string(slow) != string(fast) {
				t.Errorf("%s, %s: slow path\n%x\nfast path\n%x", c.name, name, slow, fast)
			}
			m := new(dns.Msg)
			if err := m.Unpack(slow); err != nil {
				t.Fatal(err)
			}
			padded, answered := false, false
			for _, o := range m.IsEdns0().Option {
				switch o := o.(type) {
				case *dns.EDNS0_PADDING:
					padded = len(slow)%server.PaddingBlock == 0
				case *dns.EDNS0_TCP_KEEPALIVE:
					answered = o.Timeout == c.idle
				}
			}
			if padded != c.padded || answered != c.answered {
				t.Errorf("%s, %s: padded %v, keepalive %v", c.name, name, padded, answered)
			}
		}
	}
}

// RFC 9250, section 4.5: only queries may be sent as early data, which others can replay.
func TestRFC9250EarlyData(t *testing.T) {
	f := newFront(t, nil)
	q := new(dns.Msg)
	q.SetUpdate("secure.example.")
	q.SetEdns0(1232, false)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for early, want := range map[bool]int{true: dns.RcodeRefused, false: dns.RcodeNotImplemented} {
		done := make(chan []byte, 1)
		client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1"),
			Protocol: transport.DoQ, Early: early}
		f.handle(packet, client, func(b []byte) { done <- b })
		m := new(dns.Msg)
		if err := m.Unpack(<-done); err != nil || m.Rcode != want {
			t.Errorf("early %v: %v %v", early, m, err)
		}
		if codes, _ := ede(m); early && (len(codes) != 1 || codes[0] != 26) {
			t.Errorf("EDE %v, want 26", codes)
		}
	}
}

// A repeated question that failed is answered at once, with its cause and Extended DNS Error, while
// the failure is remembered; then it is tried again.
func TestFailuresAreReady(t *testing.T) {
	f := newFront(t, nil)
	var slow *dns.Msg
	for range 2 {
		slow = f.ask("www.expired.faulty.", dns.TypeA, edns(true))
	}
	hits := f.seen.hits
	fast := f.ask("WWW.expired.faulty.", dns.TypeA, edns(true))
	if f.seen.hits != hits+1 {
		t.Fatal("not at once")
	}
	if fast.Rcode != dns.RcodeServerFailure || !fast.RecursionAvailable ||
		fast.Question[0].Name != "WWW.expired.faulty." ||
		fast.IsEdns0().String() != slow.IsEdns0().String() || len(fast.IsEdns0().Option) == 0 {
		t.Errorf("got\n%v\nwant\n%v", fast, slow)
	}
	if n := len(f.seen.causes); n != 3 || f.seen.causes[2] != cause.SignatureExpired {
		t.Errorf("causes %v", f.seen.causes)
	}
	unchecked := func(m *dns.Msg) { edns(true)(m); m.CheckingDisabled = true }
	if m := f.ask("www.expired.faulty.", dns.TypeA, unchecked); m.Rcode != dns.RcodeSuccess {
		t.Errorf("without checking: %v", m)
	}
	if m := f.ask("www.expired.faulty.", dns.TypeA, nil); m.Rcode != dns.RcodeServerFailure ||
		m.IsEdns0() != nil {
		t.Errorf("without EDNS: %v", m)
	}
	f.clock.Advance(cache.BogusTTL)
	hits = f.seen.hits
	if f.ask("www.expired.faulty.", dns.TypeA, edns(true)); f.seen.hits != hits {
		t.Error("at once though it is time to try again")
	}
}

// flusher flushes the cache when an answer has been found in it, before the answer is prepared for
// the next client.
type flusher struct{ flush func() }

// Event implements event.Sink.
func (f *flusher) Event(e event.Event) {
	if e.Kind == event.AnswerHit {
		f.flush()
	}
}

// The operator flushes a name while a client is answered from what is flushed: the answer is not
// prepared for others.
func TestFlushForgetsWhatIsBeingPrepared(t *testing.T) {
	sink := &flusher{flush: func() {}}
	f := newFrontAll(t, nil, func(*resolver.Config) {}, &quiet{},
		func(p *resolver.Parts) { p.Events = sink })
	const name = "www.unsigned.example."
	f.ask(name, dns.TypeA, nil)
	sink.flush = func() { f.resolver.Flush(wire.MustParseName(name), false) }
	if m := f.ask(name, dns.TypeA, nil); m.Rcode != dns.RcodeSuccess {
		t.Fatal(m)
	}
	if n := f.store.Answers.Stats().Entries; n != 0 {
		t.Errorf("%d answers are prepared", n)
	}
	sink.flush = func() {}
	for range 2 {
		f.ask(name, dns.TypeA, nil)
	}
	if n := f.store.Answers.Stats().Entries; n != 1 {
		t.Errorf("%d answers are prepared after the flush", n)
	}
}
