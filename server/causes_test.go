// Every cause is produced: by a resolution in the lab, by a decision of policy or by a query, each
// of which the table below has, or by a test of its own, which it names.

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	model "github.com/prometheus/client_model/go"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/logtest"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// The metrics that count causes.
const (
	servfails = "bailiwick_servfail_total"
	failures  = "bailiwick_validation_failures_total"
	refusals  = "bailiwick_refused_total"
	limits    = "bailiwick_limits_hit_total"
	// Of what has no cause in a metric of its own.
	responses = "bailiwick_responses_total"
	locals    = "bailiwick_local_answers_total"
)

// silence is the RCODE of no response.
const silence = -1

// produced is a cause, the query that has it, and what its client and the operator hear of it.
type produced struct {
	cause  cause.Cause
	name   string
	qtype  uint16
	rcode  int
	text   string // of EXTRA-TEXT
	metric string
	labels string           // of the series that counts it, if none has the cause
	world  func(*lab.World) // what is wrong, unless the lab has it
	front  func(*front)     // policy
	query  func(*dns.Msg)
	times  int              // how often it is asked for; 0: once
	from   transport.Client // zero: this machine, over UDP
	under  cause.Cause      // why the answer is served as it is: the code that stands beside

	resolving func(*resolver.Config)
	parts     func(*resolver.Parts)
}

// inLab are causes of zones and servers of the lab.
func inLab() []produced {
	const a, fail = dns.TypeA, dns.RcodeServerFailure
	zone := func(c cause.Cause, name, text string) produced {
		return produced{cause: c, name: name, qtype: a, rcode: fail, text: text, metric: servfails}
	}
	told := func(c cause.Cause, name string, rcode int, text string) produced {
		return produced{cause: c, name: name, qtype: a, rcode: rcode, text: text, metric: failures}
	}
	limit := func(c cause.Cause, name string) produced {
		return produced{cause: c, name: name, qtype: a, rcode: fail, metric: limits}
	}
	with := func(p produced, world func(*lab.World)) produced {
		p.world = world
		return p
	}
	return []produced{
		zone(cause.SignatureExpired, "www.expired.faulty.", "/A key {k} expired {d}"),
		zone(cause.SignatureNotYetValid, "www.future.faulty.", "/A key {k} begins {d}"),
		zone(cause.SignatureReversed, "www.reversed.faulty.", "/A key {k} {d} to {d}"),
		zone(cause.SignatureMissing, "www.stripping.faulty.", "stripping.faulty./DNSKEY"),
		zone(cause.SignatureInvalid, "www.corrupt-signatures.faulty.", "/A key {k}"),
		zone(cause.KeyMissing, "www.no-keys.faulty.", "no-keys.faulty. 127.53.0.29:53 DS {k}"),
		zone(cause.KeyNotFound, "www.wrong-keys.faulty.", "/A key {k}"),
		zone(cause.DSMismatch, "www.ds-mismatch.faulty.", "DS {k} digest differs, DNSKEY {k}"),
		zone(cause.DenialMissing, "no.no-denial.faulty.", "no.no-denial.faulty./A"),
		zone(cause.DenialInvalid, "no.wrong-denial.faulty.", "no.wrong-denial.faulty./A"),
		zone(cause.WildcardProofMissing, "x.wild.no-wildcard-proof.faulty.", "faulty./A"),
		with(zone(cause.KeyNotZone, "www.secure.example.", "secure.example. "),
			otherKey(func(k *dns.DNSKEY) { k.Flags = 1 })),
		with(zone(cause.KeyRevoked, "www.secure.example.", "DS {k}, DNSKEY {k}"),
			otherKey(func(k *dns.DNSKEY) { k.Flags |= 128 })),
		with(zone(cause.KeyUnusable, "www.secure.example.", "DS {k}, DNSKEY {k}"),
			otherKey(func(k *dns.DNSKEY) { k.Protocol = 4 })),
		with(zone(cause.KeySignatureMissing, "www.secure.example.", "example./DNSKEY key {k}"),
			func(w *lab.World) { _ = w.Break("secure.example.", lab.MissingKSKSignature) }),
		with(zone(cause.SignerMismatch, "www.secure.example.", "www.secure.example./A"),
			otherSigner),
		with(limit(cause.LimitDigests, "www.secure.example."), manyDigests),
		told(cause.AlgorithmUnsupported, "www.algorithm.faulty.", dns.RcodeSuccess,
			"algorithm.faulty. algorithm 100"),
		told(cause.DigestUnsupported, "www.digest.faulty.", dns.RcodeSuccess,
			"digest.faulty. digest type 100"),
		told(cause.NSEC3Iterations, "no.iterations.faulty.", dns.RcodeNameError,
			"iterations.faulty. 151 iterations"),
		zone(cause.Timeout, "www.dead.faulty.", "www.dead.faulty. A"),
		zone(cause.ServerRefused, "www.refusing.faulty.", "www.refusing.faulty. A"),
		zone(cause.ServerFailed, "www.failing.faulty.", "www.failing.faulty. A"),
		with(zone(cause.ServerFormErr, "www.plain.", "plain. "), replies(dns.RcodeFormatError)),
		with(zone(cause.ServerNotImp, "www.plain.", "plain. "), replies(dns.RcodeNotImplemented)),
		with(zone(cause.ServerUnexpected, "www.plain.", "plain. "), replies(dns.RcodeYXDomain)),
		zone(cause.Lame, "www.lame.faulty.", "www.lame.faulty. A"),
		zone(cause.Malformed, "www.garbage.faulty.", "www.garbage.faulty. A"),
		zone(cause.Truncated, "www.always-tc.faulty.", "www.always-tc.faulty. A"),
		with(zone(cause.Unreachable, "www.plain.", "plain. "), closed),
		zone(cause.DependencyLoop, "www.loop-a.faulty.", ""),
		limit(cause.LimitNameServers, "www.referral-bomb.faulty."),
		limit(cause.LimitAliases, "c0.aliases.faulty."),
		limit(cause.AliasLoop, "a.aliases.faulty."),
	}
}

// inPolicy are causes of queries, and of decisions about them.
func inPolicy() []produced {
	const a, ok, refused = dns.TypeA, dns.RcodeSuccess, dns.RcodeRefused
	const secure = "www.secure.example."
	local := func(zones ...string) func(*front) {
		return func(f *front) { f.serves(zones, nil, "") }
	}
	listed := func(reason cause.Cause) func(*front) {
		return func(f *front) { f.polices(1, "www.secure.example CNAME .").Reason = reason }
	}
	return []produced{
		{cause: cause.ClientRefused, name: secure, qtype: a, rcode: refused, text: "127.0.0.1",
			metric: refusals, front: access(policy.Refuse)},
		{cause: cause.ClientDropped, name: secure, qtype: a, rcode: silence, metric: refusals,
			front: access(policy.Drop)},
		{cause: cause.QueryRefused, name: "example.", qtype: dns.TypeAXFR, rcode: refused,
			metric: refusals},
		{cause: cause.NotRecursive, name: secure, qtype: a, rcode: refused, metric: refusals,
			query: func(m *dns.Msg) { m.RecursionDesired = false }},
		{cause: cause.RequestType, name: secure, qtype: 128, rcode: dns.RcodeFormatError,
			metric: responses, labels: "rcode=FORMERR"},
		{cause: cause.RequestMalformed, name: secure, qtype: a, rcode: dns.RcodeFormatError,
			metric: responses, labels: "rcode=FORMERR",
			query: func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }},
		{cause: cause.RequestOpcode, name: secure, qtype: a, rcode: dns.RcodeNotImplemented,
			metric: responses, labels: "rcode=NOTIMP",
			query: func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }},
		{cause: cause.RequestVersion, name: secure, qtype: a, rcode: dns.RcodeBadVers,
			metric: responses, labels: "rcode=BADVERS",
			query: func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }},
		{cause: cause.RequestCookie, name: secure, qtype: a, rcode: dns.RcodeFormatError,
			metric: responses, labels: "rcode=FORMERR",
			query: func(m *dns.Msg) {
				m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
					Cookie: "0102"}}
			}},
		{cause: cause.RequestSubnet, name: secure, qtype: a, rcode: dns.RcodeFormatError,
			metric: responses, labels: "rcode=FORMERR",
			query: func(m *dns.Msg) {
				m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET,
					Data: []byte{0, 1, 33, 0}}} // no address of IPv4 has 33 bits
			}},
		{cause: cause.Blocked, name: secure, qtype: a, rcode: dns.RcodeNameError,
			metric: locals, labels: "source=zones",
			front: local("secure.example. nxdomain")},
		{cause: cause.BlockedSilently, name: secure, qtype: a, rcode: silence,
			metric: locals, labels: "source=zones",
			front: local("secure.example. drop")},
		{cause: cause.Forged, name: secure, qtype: a, rcode: ok,
			metric: locals, labels: "source=rpz", front: func(f *front) {
				f.polices(1, "www.secure.example A 192.0.2.99")
			}},
		{cause: cause.Censored, name: secure, qtype: a, rcode: dns.RcodeNameError,
			metric: locals, labels: "source=rpz",
			front: listed(cause.Censored)},
		{cause: cause.Filtered, name: secure, qtype: a, rcode: dns.RcodeNameError,
			metric: locals, labels: "source=rpz",
			front: listed(cause.Filtered)},
		{cause: cause.PrivateAddress, name: "www.inside.plain.", qtype: a, rcode: ok,
			metric: "bailiwick_private_answers_refused_total", front: func(f *front) {
				f.Handler = f.server.Handler(private(), &policy.View{Private: kept})
			}, world: func(w *lab.World) {
				w.Add(lab.Zone{Name: "inside.plain.", Algorithm: lab.Unsigned,
					Records: "www A 10.1.2.3"})
			}},
		{cause: cause.RateQueries, name: secure, qtype: a, rcode: refused, metric: refusals,
			front: func(f *front) {
				f.limit(func(l *policy.Limits) { l.Proven, l.Burst = 1, time.Second })
			}, times: 5, from: transport.Client{Protocol: transport.TCP,
				Addr: netip.MustParseAddrPort("10.0.0.1:1000")}},
		{cause: cause.RateResponses, name: secure, qtype: a, rcode: silence, metric: refusals,
			front: func(f *front) {
				f.limit(func(l *policy.Limits) { l.Responses, l.Burst, l.Slip = 1, time.Second, 0 })
			}, times: 5, from: transport.Client{Protocol: transport.UDP,
				Addr: netip.MustParseAddrPort("10.0.0.1:1000")}},
		{cause: cause.RequestSignature, name: "own.corp.", qtype: a, rcode: dns.RcodeNotAuth,
			metric: refusals, front: func(f *front) { f.signs(func(*server.Rules) {}) },
			query: func(m *dns.Msg) {
				m.SetTsig("hmac-sha256.key.", "hmac-sha256.", 300, time.Now().Unix())
				sig := m.IsTsig()
				sig.MAC, sig.MACSize = strings.Repeat("00", 32), 32
			}},
		{cause: cause.ClientGone, name: secure, qtype: a, rcode: ok, metric: refusals,
			front: func(f *front) {
				f.call("www.slow.faulty.", a).hangUp()
				synctest.Wait()
			}},
		{cause: cause.RequestTooEarly, name: secure, qtype: a, rcode: refused, metric: refusals,
			query: func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate },
			from: transport.Client{Protocol: transport.DoQ, Early: true,
				Addr: netip.MustParseAddrPort("127.0.0.1:1000")}},
		{cause: cause.CachedError, name: "www.expired.faulty.", qtype: a,
			rcode: dns.RcodeServerFailure, times: 2,
			metric: "bailiwick_answer_validations_total", labels: "source=cache,result=bogus"},
		{cause: cause.Synthesised, name: "no.secure.example.", qtype: a,
			rcode: dns.RcodeNameError, metric: "bailiwick_synthesised_answers_total",
			front: func(f *front) {
				f.ask("nn.secure.example.", a, edns(true))
			}},
		{cause: cause.Sentinel, name: "root-key-sentinel-is-ta-00001.secure.example.", qtype: a,
			rcode: dns.RcodeServerFailure, metric: servfails, front: sentinel},
		{cause: cause.NotReady, name: "ready.server.", qtype: dns.TypeTXT,
			rcode: dns.RcodeServerFailure, metric: servfails,
			query: func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
			front: func(f *front) { f.server.SetReady(cause.New(cause.NotReady, nil, "")) }},
		{cause: cause.Stopping, name: secure, qtype: a, rcode: dns.RcodeServerFailure,
			metric: servfails, front: func(f *front) { f.resolver.Close() }},
	}
}

// access has the front refuse or drop this machine.
func access(a policy.Action) func(*front) {
	return func(f *front) {
		f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{
			{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: a}}), &policy.View{})
	}
}

// replies has the servers of plain. reply with an RCODE.
func replies(rcode int) func(*lab.World) {
	return func(w *lab.World) {
		at := w.AddressOf("plain.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != at {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetReply(in.Query)
			m.Rcode = rcode
			return lab.Messages(m), true
		}
	}
}

// closed has nobody listen at the address of plain.
func closed(w *lab.World) {
	at := w.AddressOf("plain.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		return lab.Reply{Err: transport.ErrUnreachable}, in.Server == at
	}
}

// otherKey has secure.example. publish its key with a change, and example. a DS of what it is then.
func otherKey(change func(*dns.DNSKEY)) func(*lab.World) {
	return func(w *lab.World) {
		key := func(m *dns.Msg) *dns.DNSKEY {
			for _, rr := range m.Answer {
				if k, ok := rr.(*dns.DNSKEY); ok {
					c := dns.Copy(k).(*dns.DNSKEY)
					change(c)
					return c
				}
			}
			return nil
		}
		own := key(askLab(w, "secure.example.", dns.TypeDNSKEY))
		replaceDS(w, own.ToDS(dns.SHA256))
		inner := w.Script
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server != w.AddressOf("secure.example.") ||
				in.Question().Qtype != dns.TypeDNSKEY {
				return inner(in)
			}
			m := in.Honest()
			k := key(m)
			m.Answer = append([]dns.RR{k}, w.Sign("secure.example.", k)...)
			return lab.Messages(m), true
		}
	}
}

// replaceDS has example. delegate secure.example. with other DS records.
func replaceDS(w *lab.World, ds ...*dns.DS) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf("example.") ||
			!dns.IsSubDomain("secure.example.", strings.ToLower(in.Question().Name)) {
			return lab.Reply{}, false
		}
		var set []dns.RR
		for _, d := range ds {
			set = append(set, d)
		}
		m := in.Honest()
		replace := func(section []dns.RR) (out []dns.RR) {
			for _, rr := range section {
				sig, signs := rr.(*dns.RRSIG)
				if rr.Header().Rrtype != dns.TypeDS && !(signs && sig.TypeCovered == dns.TypeDS) {
					out = append(out, rr)
				}
			}
			if len(out) < len(section) {
				out = append(append(out, set...), w.Sign("example.", set...)...)
			}
			return out
		}
		m.Answer, m.Ns = replace(m.Answer), replace(m.Ns)
		return lab.Messages(m), true
	}
}

// manyDigests has the DS set of secure.example. name its key by digests that are not the key's.
func manyDigests(w *lab.World) {
	k := askLab(w, "secure.example.", dns.TypeDNSKEY).Answer[0].(*dns.DNSKEY)
	var set []*dns.DS
	for i := range 6 {
		ds := k.ToDS(dns.SHA256)
		ds.Digest = strings.Repeat(fmt.Sprintf("%02x", i), len(ds.Digest)/2)
		set = append(set, ds)
	}
	replaceDS(w, set...)
}

// otherSigner has the signatures of secure.example. name a signer that is not a zone.
func otherSigner(w *lab.World) {
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest()
		if m == nil || in.Server != w.AddressOf("secure.example.") || len(m.Answer) == 0 ||
			in.Question().Qtype != dns.TypeA {
			return lab.Reply{}, false
		}
		for i, rr := range m.Answer {
			if sig, ok := rr.(*dns.RRSIG); ok {
				c := dns.Copy(sig).(*dns.RRSIG)
				c.SignerName = "www.secure.example."
				m.Answer[i] = c
			}
		}
		return lab.Messages(m), true
	}
}

// elsewhere are causes that tests of their own produce: those of connections, and those that take a
// load or a budget that the table has not. Seen here is that a metric has them, and that the test
// is there and about the cause.
var elsewhere = map[cause.Cause]string{
	cause.AliasMismatch: "validator/rfc4035_test.go " +
		"TestRFC6672SynthesisedCNAMEFollowsFromTheDNAME", // iteration believes the DNAME alone
	cause.LimitQueries: "resolver/fetch_test.go TestFetchHasItsOwnBudget",
	cause.LimitSignatures: "resolver/budget_test.go " +
		"TestCVE2023_50387JudgingIsChargedToAClient",
	cause.LimitPulse:           "server/pace_test.go TestEventsTellOfAnswersHeldBackAndDropped",
	cause.LimitZone:            "resolver/quota_test.go TestZoneQuotaLeavesRoomForOtherZones",
	cause.LimitServer:          "resolver/quota_test.go TestServerQuotaHoldsForAllZonesOfAServer",
	cause.InternalError:        "server/panic_test.go TestPanicIsServfailForItsQueryOnly",
	cause.ConnectionDisplaced:  "transport/gate_test.go TestMaxConnectionsDisplacesTheIdlest",
	cause.ConnectionsPerClient: "transport/gate_test.go TestConnectionLimits",
	cause.Descriptors:          "transport/share_test.go TestOutOfDescriptors",
	cause.HeldOctets:           "transport/held_test.go TestHeldOctetsAreBoundedInAll",
	cause.SlowReader:           "transport/stream_test.go TestRFC7766StreamFaults",
	cause.SlowWriter:           "transport/stream_test.go TestRFC7766StreamFaults",
	cause.HandshakeTime:        "transport/tls_test.go TestHandshakeFaults",
	cause.StreamFlood:          "transport/http2_test.go TestRFC9113Violations",
	cause.FrameMalformed:       "transport/stream_test.go TestRFC7766StreamFaults",
	cause.Handshake:            "transport/tls_test.go TestHandshakeFaults",
	cause.NoCertificate:        "transport/challenges_test.go TestNoCertificate",
	cause.ProxyHeader:          "transport/proxy_test.go TestProxyFaultsAreLoggedOnce",
	cause.HTTPMalformed:        "transport/http2_test.go TestRFC9113Violations",
	cause.HTTPPath:             "transport/listener_test.go TestRFC8484Faults",
	cause.HTTPMethod:           "transport/listener_test.go TestRFC8484Faults",
	cause.HTTPMediaType:        "transport/listener_test.go TestRFC8484Faults",
	cause.HTTPQuery:            "transport/listener_test.go TestRFC8484Faults",
	cause.HTTPTooLarge:         "transport/listener_test.go TestRFC8484Faults",
	cause.HTTPForwarded:        "transport/forwarded_test.go TestForwardedIsTheFieldOfTheProxy",
	cause.QUICProtocol:         "transport/doq_test.go TestRFC9250Violations",
}

// Each cause is produced, with the RCODE, the Extended DNS Error, the text and the metric that it
// has to have; and none is forgotten.
func TestEveryCauseIsProduced(t *testing.T) {
	done := map[cause.Cause]bool{}
	for _, c := range slices.Concat(inLab(), inPolicy(), inWorlds()) {
		done[c.cause] = true
		t.Run(c.cause.Label(), func(t *testing.T) { synctest.Test(t, c.check) })
	}
	for _, c := range cause.All() {
		where, named := elsewhere[c]
		if done[c] == named {
			t.Errorf("%s is produced %v here, and %v elsewhere", c, done[c], named)
		}
		if !named {
			continue
		}
		file, test, _ := strings.Cut(where, " ")
		if !mentions(t, bodyOf(t, "../"+file, test), c) {
			t.Errorf("%s in %s is not about %s", test, file, c)
		}
		if metric := counterOf(c, file); !hasSeries(t, observe.New(), metric, c) {
			t.Errorf("%s has no series of %s from the start", c, metric)
		}
	}
}

// counterOf returns the metric that counts a cause that a test in a file produces.
func counterOf(c cause.Cause, file string) string {
	switch {
	case strings.HasPrefix(file, "transport/"):
		return "bailiwick_transport_faults_total"
	case c.Kind() == cause.KindLimit:
		return limits
	}
	return servfails
}

// bodyOf returns the text of a test; "" if it is not in the file.
func bodyOf(t *testing.T, path, test string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(text), "\nfunc "+test+"(t *testing.T) {\n")
	body, _, ended := strings.Cut(body, "\n}\n")
	if !found || !ended {
		t.Errorf("there is no %s in %s", test, path)
	}
	return body
}

// mentions reports whether a test names a cause: by its label, or by its constant.
func mentions(t *testing.T, text string, c cause.Cause) bool {
	t.Helper()
	table, err := os.ReadFile("../internal/cause/cause.go")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(fmt.Sprintf(`(?m)^\t(\w+) +Cause = %d$`, c)).FindSubmatch(table)
	return strings.Contains(text, c.Label()) || row != nil &&
		regexp.MustCompile(`cause\.`+string(row[1])+`\b`).MatchString(text)
}

// sentinel asks once for the data that the name of a test of trust anchors has.
func sentinel(f *front) { f.ask("www.secure.example.", dns.TypeA, edns(true)) }

// varied are the parts of a text that differ each time.
var varied = strings.NewReplacer("{d}", `[0-9-]+T[0-9:]+Z`, "{k}", `[0-9]+`)

// check asks for what has the cause, and compares what the client and the operator hear.
func (c produced) check(t *testing.T) {
	m := observe.New()
	log := &logtest.Log{}
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(log, nil)), nil,
		func(r *resolver.Config) {
			withSubnets(r)
			if c.resolving != nil {
				c.resolving(r)
			}
		}, m, func(p *resolver.Parts) {
			p.Observer = observe.NewUpstreams(m, slog.New(slog.DiscardHandler), time.Now, nil)
			if c.world != nil {
				c.world(p.Exchanger.(*lab.World))
			}
			if c.parts != nil {
				c.parts(p)
			}
		})
	if c.front != nil {
		c.front(f)
	}
	from := c.from
	if !from.Addr.IsValid() {
		from = transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"),
			Protocol: transport.UDP}
	}
	var got *dns.Msg
	for range max(1, c.times) {
		got = f.askAs(from, c.name, c.qtype, c.query)
	}
	c.heard(t, got)
	if c.labels != "" && total(t, m, c.metric, c.labels) == 0 ||
		c.labels == "" && !isCounted(t, m, c.metric, c.cause) {
		t.Errorf("%q does not count it", c.metric)
	}
	c.logged(t, log.String())
}

// logged checks the line of a failure: the cause, and what to do about it. Of a client that asks
// too much there is none: nothing was resolved.
func (c produced) logged(t *testing.T, log string) {
	t.Helper()
	want := "cause=" + c.cause.Label() + " "
	if c.rcode == dns.RcodeServerFailure && c.qtype == dns.TypeA &&
		c.cause != cause.CachedError && c.cause != cause.LimitClient &&
		(!strings.Contains(log, want) || !strings.Contains(log, "hint=")) {
		t.Errorf("no line has %q:\n%s", want, log)
	}
}

// withSubnets has options for clients' networks read, as there is a zone that gets them.
func withSubnets(c *resolver.Config) {
	c.ECS.Zones = []wire.Name{wire.MustParseName("networks.example.")}
}

// askAs sends a query of a client.
func (f *front) askAs(from transport.Client, name string, qtype uint16,
	change func(*dns.Msg)) *dns.Msg {
	f.t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype)
	edns(true)(q)
	if change != nil {
		change(q)
	}
	packet, err := q.Pack()
	if err != nil {
		f.t.Fatal(err)
	}
	done := make(chan []byte, 1)
	f.handle(packet, from, func(b []byte) { done <- bytes.Clone(b) })
	b := <-done
	if b == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// heard compares a response with the row.
func (c produced) heard(t *testing.T, m *dns.Msg) {
	t.Helper()
	if m == nil || c.rcode == silence {
		if (m == nil) != (c.rcode == silence) {
			t.Errorf("the response is %v", m)
		}
		return
	}
	codes, text := ede(m)
	if m.Rcode != c.rcode {
		t.Errorf("RCODE %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[c.rcode])
	}
	code, has := c.cause.EDE()
	if beside, ok := c.under.EDE(); ok && !slices.Contains(codes, beside) {
		t.Errorf("Extended DNS Errors %v, want %d among them", codes, beside)
	} else if ok && !has {
		code, has = beside, true
	}
	if has && !slices.Contains(codes, code) || !has && len(codes) > 0 {
		t.Errorf("Extended DNS Errors %v, want %d", codes, code)
	}
	want := varied.Replace(strings.NewReplacer(".", `\.`).Replace(c.text))
	if !regexp.MustCompile(want).MatchString(text) || len(codes) > 0 && len(text) > 96*len(codes) {
		t.Errorf("the text is %q, want %q", text, want)
	}
}

// isCounted reports whether a metric has counted a cause; one without causes counts it alone.
func isCounted(t *testing.T, m *observe.Metrics, metric string, c cause.Cause) bool {
	t.Helper()
	return slices.ContainsFunc(seriesOf(t, m, metric, c), func(s *model.Metric) bool {
		return s.GetCounter().GetValue() > 0
	})
}

// hasSeries reports whether a metric has a series of a cause.
func hasSeries(t *testing.T, m *observe.Metrics, metric string, c cause.Cause) bool {
	t.Helper()
	return len(seriesOf(t, m, metric, c)) > 0
}

// seriesOf returns the series of a metric that have a cause, or no labels at all. A kind beside the
// cause has to be the cause's.
func seriesOf(t *testing.T, m *observe.Metrics, metric string, c cause.Cause) (of []*model.Metric) {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, series := range family.GetMetric() {
			its := len(series.GetLabel()) == 0
			for _, l := range series.GetLabel() {
				its = its || l.GetName() == "cause" && l.GetValue() == c.Label()
			}
			for _, l := range series.GetLabel() {
				its = its && (l.GetName() != "kind" || l.GetValue() == c.Kind().String())
			}
			if family.GetName() == metric && its {
				of = append(of, series)
			}
		}
	}
	return of
}

// askLab asks the first server of a zone directly.
func askLab(w *lab.World, name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, true)
	packet, err := q.Pack()
	if err != nil {
		panic(err)
	}
	reply, err := w.Exchange(context.Background(), transport.Request{Query: packet,
		Server: netip.AddrPortFrom(w.AddressOf(name), 53),
		Via:    transport.TCP})
	if err != nil {
		panic(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		panic(err)
	}
	return m
}
